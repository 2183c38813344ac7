"""Drift: how far what a stream shows has moved from what a model was trained on.

Measure: population stability index, sum over bins of (p - q) · ln(p / q) of the two shares p and q; below 0.1 little
has moved, above 0.25 much has. Source of formula and bounds: Siddiqi, "Credit Risk Scorecards" (2006). Bins are the
tenths of the training data, and one for values that are missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEMA: Final = "gillnet.reference/1"
MUCH: Final = 0.25
"""The index from which on much has moved."""
ROWS_MIN: Final = 1000
"""Fewer rows say nothing: of the same data, n rows give an index of about 10 / n by chance."""
_BINS: Final = 10
_SHARE_MIN: Final = 1e-4  # an empty bin counts as this share, so that the index is finite
SCORE: Final = "score"
"""The name of the column behind those of the features."""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What the columns of training looked like: the features, and behind them the score."""

    schema: str = SCHEMA
    columns: tuple[str, ...]
    edges: tuple[tuple[float, ...], ...]
    """Of each column, where a bin ends and the next begins; a value at an edge is in the lower bin."""
    shares: tuple[tuple[float, ...], ...]
    """Of each column, the share of rows in each bin; the last is that of missing values."""

    def counts(self) -> list[NDArray[np.int64]]:
        """Make a count of nothing for each bin."""
        return [np.zeros(len(shares), np.int64) for shares in self.shares]

    def count(self, columns: NDArray[np.float64], into: list[NDArray[np.int64]]) -> None:
        """Add rows, shape (n, columns), to counts by bin."""
        for column, (edges, counts) in enumerate(zip(self.edges, into, strict=True)):
            counts += _binned(columns[:, column], np.array(edges))

    def stability(self, counts: list[NDArray[np.int64]]) -> NDArray[np.float64]:
        """Return the index of each column, against counts by bin of at least one row."""
        return np.array([_index(_shares(c), np.array(s)) for c, s in zip(counts, self.shares, strict=True)])


def reference_of(names: tuple[str, ...], vectors: NDArray[np.float64], scores: NDArray[np.float64]) -> Reference:
    """Describe rows of training, shape (n, F), and their scores, shape (n,)."""
    columns = np.column_stack([vectors, scores])
    edges = [_edges(column) for column in columns.T]
    shares = [_shares(_binned(column, own)) for column, own in zip(columns.T, edges, strict=True)]
    return Reference(
        columns=(*names, SCORE),
        edges=tuple(tuple(own.tolist()) for own in edges),
        shares=tuple(tuple(np.round(own, 6).tolist()) for own in shares),
    )


def _edges(column: NDArray[np.float64]) -> NDArray[np.float64]:
    known = column[~np.isnan(column)]
    if not len(known):
        return np.empty(0)
    return np.unique(np.quantile(known, np.arange(1, _BINS) / _BINS, method="lower"))


def _binned(column: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    missing = np.isnan(column)
    bins = np.where(missing, len(edges) + 1, np.searchsorted(edges, column, side="left"))
    return np.bincount(bins, minlength=len(edges) + 2)


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return counts / max(int(counts.sum()), 1)


def _index(now: NDArray[np.float64], then: NDArray[np.float64]) -> float:
    p, q = np.maximum(now, _SHARE_MIN), np.maximum(then, _SHARE_MIN)
    return float(((p - q) * np.log(p / q)).sum())
