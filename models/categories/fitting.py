"""Fitting: two regularised logistic regressions a category, averaged, and calibrated on messages they have not seen.

One reads vectors and measures, the other words. On channels neither was trained on they err on different messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import csr_matrix, vstack  # has no types
from sklearn.linear_model import LogisticRegression

from features.text.words import PLACES
from models.calibration import Platt, fit_platt
from models.categories.classifier import NAMES
from models.categories.sources import HALVES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from features.text.words import HashedWords
    from models.categories.examples import Example

STRENGTH: Final = 1e-3
"""Inverse of the regularisation. Spam on unseen channels is as good from 3e-5 to 3e-3, and worse beyond."""
WORD_STRENGTH: Final = 3.0
WORD_SHARE: Final = 0.4
"""How much the words count in the average. On unseen channels anything from .3 to .6 is within .01 of AUC."""
VECTOR_SCALE: Final = 11.0
"""A unit vector of 256 dimensions has components of 1/16: this puts them near the measures' scale."""
SOURCE_MAX: Final = 400.0
"""No source counts for more messages than this of either class."""
PRIOR: Final = {name: 0.25 if name == "spam" else 0.05 for name in NAMES}
"""The share of messages of a category that probabilities are calibrated to."""
FALSE_POSITIVE_RATE: Final = {name: 0.05 if name == "spam" else 0.01 for name in NAMES}
"""The share of benign messages that may reach a threshold. Spam's is a signal among others, not a verdict."""

THRESHOLD_MIN: Final = 0.3
"""No message counts as of a category that is less probable, however few benign messages come near."""


@dataclass(frozen=True, slots=True)
class Table:
    """Examples as arrays, a row each."""

    vectors: NDArray[np.float32]
    measures: NDArray[np.float32]
    words: csr_matrix
    """(n, PLACES): how often each hashed word occurs, over the root of the number of words."""
    labels: NDArray[np.int8]
    """(n, K): 1 of the category, 0 not, -1 unknown."""
    sources: NDArray[np.str_]
    altered: NDArray[np.bool_]
    """Which rows are only learned from."""

    @property
    def benign(self) -> NDArray[np.bool_]:
        """Tell which rows are of no category for sure."""
        result: NDArray[np.bool_] = (self.labels == 0).all(axis=1)
        return result

    def rows(self, chosen: NDArray[np.bool_]) -> Table:
        """Return some of the rows."""
        return Table(
            self.vectors[chosen],
            self.measures[chosen],
            self.words[chosen],
            self.labels[chosen],
            self.sources[chosen],
            self.altered[chosen],
        )

    def joined(self, other: Table) -> Table:
        """Return these rows and then those of another table."""
        return Table(
            np.concatenate([self.vectors, other.vectors]),
            np.concatenate([self.measures, other.measures]),
            vstack([self.words, other.words], format="csr"),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.sources, other.sources]),
            np.concatenate([self.altered, other.altered]),
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One category's log-odds: weights of the vector, the standardised measures and the words, and a bias."""

    vector: NDArray[np.float64]
    measures: NDArray[np.float64]
    words: NDArray[np.float64]
    bias: float

    def log_odds(self, table: Table, standard: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the log-odds (n,) of a table whose measures have been standardised."""
        linear = table.vectors @ self.vector + standard @ self.measures + table.words @ self.words
        return np.asarray(linear + self.bias, dtype=np.float64)


def label_matrix(examples: Sequence[Example]) -> NDArray[np.int8]:
    """Return labels (n, K): 1, 0, or -1 where it is open."""
    rows = [[1 if n in e.labels else -1 if n in e.open_labels else 0 for n in NAMES] for e in examples]
    return np.array(rows, np.int8).reshape(-1, len(NAMES))


def scaling(table: Table) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return means and standard deviations of the measures, each source counting alike."""
    weights = source_weights(table.sources)
    means = np.average(table.measures, axis=0, weights=weights)
    spread = np.sqrt(np.average((table.measures - means) ** 2, axis=0, weights=weights))
    return means.astype(np.float32), (spread + 1e-3).astype(np.float32)


def source_weights(sources: NDArray[np.str_]) -> NDArray[np.float64]:
    """Weigh rows so that a source with more than `SOURCE_MAX` of them counts as that many."""
    _, which, counts = np.unique(sources, return_inverse=True, return_counts=True)
    return np.minimum(1.0, SOURCE_MAX / counts)[which]


def balanced_weights(sources: NDArray[np.str_], of_category: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weigh rows by source, then so that both classes count for half of the rows."""
    weights = np.zeros(len(sources))
    for side in (of_category, ~of_category):
        weights[side] = source_weights(sources[side])
        weights[side] *= len(sources) / 2 / max(weights[side].sum(), 1e-9)
    return weights


def word_matrix(words: HashedWords) -> csr_matrix:
    """Count words as the model weighs them, shape (n, PLACES)."""
    counts = np.diff(words.offsets)
    each = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts)
    return csr_matrix((each, words.places, words.offsets), shape=(len(counts), PLACES), dtype=np.float32)


def fit_line(table: Table, standard: NDArray[np.float32], category: int, rows: NDArray[np.bool_]) -> Line:
    """Fit one category on some rows whose label is known."""
    use = rows & (table.labels[:, category] >= 0)
    truth = table.labels[use, category] == 1
    weights = balanced_weights(table.sources[use], truth)
    inputs = np.hstack([table.vectors[use] * VECTOR_SCALE, standard[use]])
    dense, dense_bias = _fit(inputs, truth, weights, STRENGTH, 1 - WORD_SHARE)
    words, words_bias = _fit(table.words[use], truth, weights, WORD_STRENGTH, WORD_SHARE)
    dimensions = table.vectors.shape[1]
    return Line(dense[:dimensions] * VECTOR_SCALE, dense[dimensions:], words, dense_bias + words_bias)


def _fit(
    inputs: NDArray[np.float32] | csr_matrix,
    truth: NDArray[np.bool_],
    weights: NDArray[np.float64],
    strength: float,
    share: float,
) -> tuple[NDArray[np.float64], float]:
    """Fit a logistic regression, then scale it so that its log-odds deviate by its share of the average."""
    model = LogisticRegression(C=strength, max_iter=300).fit(inputs, truth, weights)
    scale = share / max(float(np.std(model.decision_function(inputs))), 1e-9)
    return model.coef_[0] * scale, float(model.intercept_[0]) * scale


def unseen_source_scores(
    table: Table, standard: NDArray[np.float32], category: int
) -> tuple[Table, NDArray[np.float64]]:
    """Score the unaltered rows of real sources by a model trained without any source of their half of `HALVES`."""
    chosen, scores = np.zeros(len(table.sources), np.bool_), np.zeros(len(table.sources))
    for half in HALVES:
        inside = np.isin(table.sources, sorted(half))
        if inside.any():
            line = fit_line(table, standard, category, ~inside)
            judged = inside & ~table.altered
            scores[judged] = line.log_odds(table.rows(judged), standard[judged])
            chosen |= judged
    return table.rows(chosen), scores[chosen]


def calibrate(scores: NDArray[np.float64], truth: NDArray[np.bool_], sources: NDArray[np.str_], prior: float) -> Platt:
    """Fit a logistic curve to both classes counting alike, then move it to the prior."""
    curve = fit_platt(scores, truth, balanced_weights(sources, truth)) or Platt()
    return Platt(curve.slope, curve.intercept + float(np.log(prior / (1 - prior))))


def threshold_at(scores: NDArray[np.float64], sources: NDArray[np.str_], rate: float) -> float:
    """Return the lowest probability that at most this share of benign rows reach, every source counting alike."""
    order = np.argsort(-scores, kind="stable")
    _, which, counts = np.unique(sources, return_inverse=True, return_counts=True)
    above = np.cumsum((1 / counts / len(counts))[which][order])
    last = int(np.searchsorted(above, rate, side="right"))
    return max(float(np.nextafter(scores[order[min(last, len(order) - 1)]], np.inf)), THRESHOLD_MIN)
