"""How well categories are told apart, source by source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from sklearn.metrics import roc_auc_score

from models.categories.classifier import NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.categories.fitting import Table

_BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Figures:
    """One category on messages its judge had not seen."""

    name: str
    threshold: float
    auc: float
    """Of the category against benign messages."""
    recall: float
    precision: float
    """Against benign messages and those of other categories, as many of either as there were."""
    f1: float
    false_positives: dict[str, float]
    """The share of benign messages of each source that reach the threshold."""
    recalls: dict[str, float]
    """The share of the category's messages of each source that reach it."""
    expected_calibration_error: float


def figures_of(
    table: Table, probabilities: NDArray[np.float64], category: int, threshold: float, prior: float
) -> Figures:
    """Measure one category by probabilities (n,) of messages its judge had not seen."""
    truth, certain = table.labels[:, category] == 1, table.labels[:, category] >= 0
    flagged, benign = probabilities >= threshold, table.benign
    recall = float(flagged[truth].mean())
    precision = float(truth[flagged & certain].mean()) if (flagged & certain).any() else 0.0
    either = truth | benign
    return Figures(
        NAMES[category],
        threshold,
        float(roc_auc_score(truth[either], probabilities[either])),
        recall,
        precision,
        2 * precision * recall / max(precision + recall, 1e-9),
        _shares(flagged, table.sources, benign),
        _shares(flagged, table.sources, truth),
        calibration_error(probabilities[certain], truth[certain], prior),
    )


def _shares(flagged: NDArray[np.bool_], sources: NDArray[np.str_], rows: NDArray[np.bool_]) -> dict[str, float]:
    return {str(s): float(flagged[rows & (sources == s)].mean()) for s in np.unique(sources[rows])}


def calibration_error(probabilities: NDArray[np.float64], truth: NDArray[np.bool_], prior: float) -> float:
    """Return the mean gap of ten bins between probability and truth, both classes weighing as the prior says."""
    weights = np.where(truth, prior / max(truth.sum(), 1), (1 - prior) / max((~truth).sum(), 1))
    bins = np.minimum((probabilities * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, weights * (probabilities - truth), _BINS)
    return float(np.abs(gaps).sum())
