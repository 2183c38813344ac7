"""The nearest of many unit vectors, by cosine: the first dimensions choose a few, all dimensions decide among them.

That suits encoders trained so that their first dimensions tell most (Matryoshka; A. Kusupati et al., "Matryoshka
representation learning", 2022), as the shipped one is. `benchmarks/bank.py` says how often it finds the nearest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST_DIMENSIONS: Final = 64
CHOSEN: Final = 8
_BLOCK: Final = 256
"""Vectors of which the best by its first dimensions is looked at; their scores for a batch stay in the cache."""


class Nearest:
    """k vectors to be looked for, shape (k, dimensions), each of length 1 or all zeros."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors
        heads = vectors[:, :FIRST_DIMENSIONS]
        lengths = np.sqrt(np.einsum("ij,ij->i", heads, heads))
        heads = heads / np.maximum(lengths, np.float32(1e-12))[:, None]
        blocks = -(-len(vectors) // _BLOCK)
        self._members = [np.arange(block, len(vectors), blocks, dtype=np.int32) for block in range(blocks)]
        """Every so many, so that vectors put in together, which are often alike, are in different blocks."""
        self._blocks = [np.ascontiguousarray(heads[members].T) for members in self._members]

    def find(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return the cosine of each of n unit vectors with the nearest, and which that is; 0 and -1 for none."""
        count = len(queries)
        if len(self._vectors) == 0 or count == 0:
            return np.zeros(count, np.float32), np.full(count, -1, np.int32)
        chosen = self._choose(np.ascontiguousarray(queries[:, :FIRST_DIMENSIONS]))
        exact = np.einsum("ij,ikj->ik", queries, self._vectors[chosen])
        rows, column = np.arange(count), exact.argmax(axis=1)
        return exact[rows, column], chosen[rows, column]

    def _choose(self, heads: NDArray[np.float32]) -> NDArray[np.int32]:
        """Choose up to `CHOSEN` vectors for each of n queries: of the best of each block, the best."""
        rows = np.arange(len(heads))
        best = np.empty((len(heads), len(self._blocks)), np.float32)
        which = np.empty((len(heads), len(self._blocks)), np.int32)
        for number, (members, block) in enumerate(zip(self._members, self._blocks, strict=True)):
            scores = heads @ block
            highest = scores.argmax(axis=1)
            best[:, number], which[:, number] = scores[rows, highest], members[highest]
        if len(self._blocks) > CHOSEN:
            kept = np.argpartition(best, -CHOSEN, axis=1)[:, -CHOSEN:]
            which = np.take_along_axis(which, kept, axis=1)
        return which
