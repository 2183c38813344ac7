"""The nearest of many unit vectors, by cosine: a few bits of each choose some, all dimensions decide among them.

The bits are signs of the vector turned at random: the nearer two vectors, the fewer of their bits differ (M. Charikar,
"Similarity estimation techniques from rounding algorithms", 2002). The turn is random signs, then a Hadamard transform:
always the same, its additions in a fixed order, so that what is found does not depend on what else is asked.
`benchmarks/bank.py` says how often it finds the nearest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import scoring_kernel
from features.intrinsics import ones

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITS: Final = 256
CHOSEN: Final = 16
_BLOCK: Final = 128
"""Vectors of which the one with the fewest bits that differ may be chosen."""
_TOGETHER: Final = 32
"""Queries whose chosen vectors are compared at once; those stay in the processor's cache."""
_PLACE: Final = (1 << 32) - 1
_SEED: Final = 7


class Nearest:
    """k vectors to be looked for, shape (k, dimensions), each of length 1 or all zeros."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors
        width = max(BITS, 1 << (vectors.shape[1] - 1).bit_length())
        self._signs = np.random.default_rng(_SEED).choice(np.array([-1, 1], np.float32), width)
        blocks = -(-len(vectors) // _BLOCK)
        # Every so many, so that vectors put in together, which are often alike, are in different blocks.
        places = np.arange(blocks * _BLOCK, dtype=np.int32).reshape(_BLOCK, blocks).T.ravel()
        self._places = np.minimum(places, max(len(vectors) - 1, 0))
        bits = self._bits(vectors)[self._places].reshape(blocks, _BLOCK, BITS // 64)
        self._blocks = np.ascontiguousarray(bits.transpose(0, 2, 1))

    def find(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return the cosine of each of n unit vectors with the nearest, and which that is; 0 and -1 for none."""
        count = len(queries)
        if len(self._vectors) == 0 or count == 0:
            return np.zeros(count, np.float32), np.full(count, -1, np.int32)
        chosen = self._choose(queries)
        exact = np.empty((*chosen.shape, 1), np.float32)
        for at in range(0, count, _TOGETHER):
            rows = slice(at, at + _TOGETHER)
            np.matmul(self._vectors[chosen[rows]], queries[rows, :, None], out=exact[rows])
        best = np.arange(count), exact[:, :, 0].argmax(axis=1)
        return exact[:, :, 0][best], chosen[best]

    def _choose(self, queries: NDArray[np.float32]) -> NDArray[np.int32]:
        """Choose up to `CHOSEN` vectors for each of n queries: of the best of each block, the best."""
        best = np.empty((len(queries), len(self._blocks)), np.int64)
        _write_best(self._bits(queries), self._blocks, best)
        if len(self._blocks) > CHOSEN:
            best = np.partition(best, CHOSEN - 1, axis=1)[:, :CHOSEN]
        chosen: NDArray[np.int32] = self._places[best & _PLACE]
        return chosen

    def _bits(self, vectors: NDArray[np.float32]) -> NDArray[np.uint64]:
        turned = np.zeros((len(vectors), len(self._signs)), np.float32)
        np.multiply(vectors, self._signs[: vectors.shape[1]], out=turned[:, : vectors.shape[1]])
        _transform(turned)
        return np.packbits(turned[:, :BITS] > 0, axis=1).view(np.uint64)


@scoring_kernel
def _transform(rows: NDArray[np.float32]) -> None:
    """Take the Hadamard transform of each row, in place."""
    for row in range(rows.shape[0]):
        values, step = rows[row], 1
        while step < values.shape[0]:
            for begin in range(0, values.shape[0], 2 * step):
                for at in range(begin, begin + step):
                    values[at], values[at + step] = values[at] + values[at + step], values[at] - values[at + step]
            step *= 2


@scoring_kernel
def _write_best(queries: NDArray[np.uint64], blocks: NDArray[np.uint64], best: NDArray[np.int64]) -> None:
    """Write for each query and block how many bits of the nearest differ, and in the lower half its place."""
    size = blocks.shape[2]
    for block in range(blocks.shape[0]):
        for row in range(queries.shape[0]):
            a, b, c, d = queries[row, 0], queries[row, 1], queries[row, 2], queries[row, 3]
            least = np.int64(1 << 62)
            for at in range(size):  # LLVM makes SIMD of it: no inner loop over the four words
                differ = ones(blocks[block, 0, at] ^ a) + ones(blocks[block, 1, at] ^ b)
                differ += ones(blocks[block, 2, at] ^ c) + ones(blocks[block, 3, at] ^ d)
                least = min(least, differ << 32 | (block * size + at))
            best[row, block] = least
