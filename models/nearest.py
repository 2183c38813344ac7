"""The nearest of many unit vectors, by cosine: the first dimensions choose a few, all dimensions decide among them.

That suits encoders trained so that their first dimensions tell most (Matryoshka; A. Kusupati et al., "Matryoshka
representation learning", 2022), as the shipped one is. `benchmarks/bank.py` says how often it finds the nearest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import scoring_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST_DIMENSIONS: Final = 64
CHOSEN: Final = 16
_BLOCK: Final = 512
"""Vectors compared at once: so few that their scores for a batch stay in the processor's cache."""
_RUN: Final = 32
"""Scores looked at together: most runs have none that is kept, which vector instructions tell at once."""


class Nearest:
    """k vectors to be looked for, shape (k, dimensions), each of length 1 or all zeros."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors
        heads = vectors[:, :FIRST_DIMENSIONS]
        lengths = np.sqrt(np.einsum("ij,ij->i", heads, heads))
        self._heads = heads / np.maximum(lengths, np.float32(1e-12))[:, None]

    def find(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return the cosine of each of n unit vectors with the nearest, and which that is; 0 and -1 for none."""
        count = len(queries)
        cosines, which = np.zeros(count, np.float32), np.full(count, -1, np.int32)
        if len(self._vectors) == 0 or count == 0:
            return cosines, which
        best, chosen = np.full((count, CHOSEN), -np.inf, np.float32), np.zeros((count, CHOSEN), np.int32)
        heads = np.ascontiguousarray(queries[:, :FIRST_DIMENSIONS])
        room = np.empty(count * _BLOCK, np.float32)
        for first in range(0, len(self._heads), _BLOCK):
            block = self._heads[first : first + _BLOCK]
            scores = room[: count * len(block)].reshape(count, len(block))
            keep_best(np.matmul(heads, block.T, out=scores), first, best, chosen)
        exact = np.einsum("ij,ikj->ik", queries, self._vectors[chosen])
        column = exact.argmax(axis=1)[:, None]
        cosines[:] = np.take_along_axis(exact, column, axis=1)[:, 0]
        which[:] = np.take_along_axis(chosen, column, axis=1)[:, 0]
        return cosines, which


@scoring_kernel
def keep_best(scores: NDArray[np.float32], first: int, best: NDArray[np.float32], which: NDArray[np.int32]) -> None:
    """Take scores (n, m) of m things numbered from ``first`` into the best of each row, best first."""
    count = scores.shape[1]
    for row in range(scores.shape[0]):
        for begin in range(0, count, _RUN):
            end, least, higher = min(begin + _RUN, count), best[row, best.shape[1] - 1], 0
            for column in range(begin, end):
                higher += 1 if scores[row, column] > least else 0
            if higher > 0:
                for column in range(begin, end):
                    _keep(scores[row, column], first + column, best, which, row)


@scoring_kernel
def _keep(score: float, number: int, best: NDArray[np.float32], which: NDArray[np.int32], row: int) -> None:
    at = best.shape[1] - 1
    if score <= best[row, at]:
        return
    while at > 0 and best[row, at - 1] < score:
        best[row, at], which[row, at] = best[row, at - 1], which[row, at - 1]
        at -= 1
    best[row, at], which[row, at] = score, number
