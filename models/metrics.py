"""Metrics: how well scores tell bots from humans, account by account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from scipy.stats import binomtest
from sklearn import config_context
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from models.calibration import expected_calibration_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from models.history import Accounts, Trace

EVENTS_SEEN: Final = (5, 10, 20, 50, 100, 200, 500, 1000)
"""After how many events of an account it is asked whether it was flagged by then."""


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """How well a model does on labelled accounts; None where the labels cannot say, such as with one class.

    ``auc`` to ``ece`` and the recalls at a false positive rate judge an account by its score after its last
    event. ``precision`` to ``median_seconds_to_flag`` judge it as the stream does: flagged for good once its
    score reaches ``threshold``, from the event on at which accounts are first judged.
    """

    auc: float | None
    average_precision: float | None
    brier: float
    ece: float
    threshold: float
    precision: float
    recall: float | None
    f1: float
    f1_weighted: float
    """F1 of each class weighted by its size, flagging at a final score of one half: what papers report."""
    recall_at_fpr_1pct: float | None
    recall_at_fpr_0_1pct: float | None
    median_events_to_flag: float | None
    median_seconds_to_flag: float | None
    n: int
    positives: int
    bots_flagged_within: dict[str, float] = {}
    humans_flagged_within: dict[str, float] = {}
    """Share of each class that is flagged by its 5th, 10th, … event at the latest, by that number."""


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """How well scores at the end of accounts' histories rank them."""

    auc: float | None
    average_precision: float | None
    recall_at_fpr_1pct: float | None
    n: int
    positives: int


def rank(is_bot: NDArray[np.bool_], scores: NDArray[np.float64]) -> Ranking:
    """Measure how well scores rank accounts."""
    return Ranking(
        auc=auc(is_bot, scores),
        average_precision=average_precision(is_bot, scores),
        recall_at_fpr_1pct=recall_at_fpr(is_bot, scores, 0.01),
        n=len(is_bot),
        positives=int(is_bot.sum()),
    )


def measure(
    accounts: Accounts, trace: Trace, threshold: float, events_min: int, final: NDArray[np.float64] | None = None
) -> Metrics:
    """Measure a model by the scores it gave along the accounts' histories; ``final`` stands for the last ones."""
    is_bot, scores = accounts.is_bot, trace.final(len(accounts)) if final is None else final
    first = trace.first_at(threshold, len(accounts), events_min)
    precision, recall, f1, _ = precision_recall_fscore_support(is_bot, first >= 0, average="binary", zero_division=0)
    caught = first[is_bot & (first >= 0)]
    seconds = (trace.ts[caught] - accounts.first_ms[trace.account[caught]]) / 1000
    return Metrics(
        auc=auc(is_bot, scores),
        average_precision=average_precision(is_bot, scores),
        brier=float(brier_score_loss(is_bot, scores)),
        ece=expected_calibration_error(is_bot, scores),
        threshold=threshold,
        precision=float(precision),
        recall=float(recall) if is_bot.any() else None,
        f1=float(f1),
        f1_weighted=float(f1_score(is_bot, scores >= 0.5, average="weighted", zero_division=0)),
        recall_at_fpr_1pct=recall_at_fpr(is_bot, scores, 0.01),
        recall_at_fpr_0_1pct=recall_at_fpr(is_bot, scores, 0.001),
        median_events_to_flag=float(np.median(trace.nth[caught])) if len(caught) else None,
        median_seconds_to_flag=float(np.median(seconds)) if len(caught) else None,
        n=len(accounts),
        positives=int(is_bot.sum()),
        bots_flagged_within=_flagged_within(first[is_bot], trace),
        humans_flagged_within=_flagged_within(first[~is_bot], trace),
    )


def _flagged_within(first: NDArray[np.int64], trace: Trace) -> dict[str, float]:
    """Say what share of accounts is flagged by their nth event at the latest; ``first`` as of `Trace.first_at`."""
    if not len(first):
        return {}
    flagged = trace.nth[first[first >= 0]]
    return {str(n): float((flagged <= n).sum() / len(first)) for n in EVENTS_SEEN}


def auc(is_bot: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    """Return the area under the ROC curve."""
    return float(roc_auc_score(is_bot, scores)) if _both(is_bot) else None


def average_precision(is_bot: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    """Return the area under the precision-recall curve."""
    return float(average_precision_score(is_bot, scores)) if is_bot.any() else None


def recall_at_fpr(is_bot: NDArray[np.bool_], scores: NDArray[np.float64], fpr_max: float) -> float | None:
    """Return the highest share of bots caught while at most ``fpr_max`` of the humans are."""
    if not _both(is_bot):
        return None
    fpr, tpr, _ = roc_curve(is_bot, scores, drop_intermediate=False)
    return float(tpr[fpr <= fpr_max].max())


def bootstrap(
    is_bot: NDArray[np.bool_],
    scores: NDArray[np.float64],
    metric: Callable[[NDArray[np.bool_], NDArray[np.float64]], float | None],
    rng: np.random.Generator,
    resamples: int,
) -> tuple[float, float] | None:
    """Return a metric's 95 % interval over resampled accounts; None where it has no value."""
    picks = (rng.integers(0, len(is_bot), len(is_bot)) for _ in range(resamples))
    with config_context(assume_finite=True, skip_parameter_validation=True):  # as slow as the metrics themselves
        values = [value for pick in picks if (value := metric(is_bot[pick], scores[pick])) is not None]
    if not values:
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def share_interval(count: int, of: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share; all of [0, 1] where there is nothing to count."""
    if of == 0:
        return 0.0, 1.0
    interval = binomtest(count, of).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def _both(is_bot: NDArray[np.bool_]) -> bool:
    return bool(is_bot.any() and not is_bot.all())
