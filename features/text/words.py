"""The words of folded texts as places of a hashed vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from detector.contract.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.text.column import TextColumn

PLACES: Final = 1 << 14
"""Two of 1,000 different words share a place with probability 6 %; a frequent and a telling one hardly ever do."""
_SHIFT: Final = np.uint64(50)
_START: Final = np.uint64(0xCBF29CE484222325)
_PRIME: Final = np.uint64(0x100000001B3)
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)


class HashedWords(NamedTuple):
    """The words of n texts; those of text i are ``places[offsets[i]:offsets[i + 1]]``."""

    places: NDArray[np.int32]
    """In [0, PLACES)."""
    offsets: NDArray[np.int64]


def _letters() -> NDArray[np.uint8]:
    letters = np.zeros(256, np.uint8)
    letters[65:91], letters[97:123], letters[128:] = 1, 1, 1
    return letters


_LETTERS: Final = _letters()


def hash_words(folded: TextColumn) -> HashedWords:
    """Hash the words of texts: runs of letters, bytes beyond ASCII counting as such, in lower case."""
    places = np.empty(len(folded.data) // 2 + len(folded) + 1, np.int32)
    offsets = np.zeros(len(folded) + 1, np.int64)
    count = _hash_words(folded.data, folded.offsets, _LETTERS, places, offsets)
    return HashedWords(places[:count], offsets)


def add_words(words: HashedWords, weights: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Add the weights (PLACES, K) of each text's words, over the root of their number, to its row of out (n, K)."""
    _add_words(words.places, words.offsets, weights, np.empty(weights.shape[1], np.float32), out)


@kernel
def _hash_words(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    letters: NDArray[np.uint8],
    places: NDArray[np.int32],
    ends: NDArray[np.int64],
) -> int:
    count = 0
    for row in range(offsets.shape[0] - 1):
        hashed, inside = _START, False
        for at in range(offsets[row], offsets[row + 1]):
            byte = data[at]
            if letters[byte]:
                hashed = (hashed ^ np.uint64(byte | 32 if byte < 128 else byte)) * _PRIME
                inside = True
            elif inside:
                places[count] = np.int32((hashed * _SPREAD) >> _SHIFT)
                count += 1
                hashed, inside = _START, False
        if inside:
            places[count] = np.int32((hashed * _SPREAD) >> _SHIFT)
            count += 1
        ends[row + 1] = count
    return count


@kernel
def _add_words(
    places: NDArray[np.int32],
    offsets: NDArray[np.int64],
    weights: NDArray[np.float32],
    sums: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    for row in range(out.shape[0]):
        sums[:] = 0
        for at in range(offsets[row], offsets[row + 1]):
            sums += weights[places[at]]
        root = np.sqrt(np.float32(max(offsets[row + 1] - offsets[row], 1)))
        for k in range(out.shape[1]):
            out[row, k] += sums[k] / root
