"""What arrives to be looked for among near duplicates, laid out for their kernels; and what they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from detector.contract.jit import inlined, kernel
from features.hashing import signed
from features.text.near_places import SIGNATURE, TAG
from features.text.signatures import COMPONENTS, LETTERS_SHORT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.text.near_places import Halves, Words

BANDS: Final = 64
"""Bands of a signature: band b hashes components b, b + 11 and b + 30 (mod 64), so that two bands share at most one. A
text with Jaccard similarity J finds its leader with probability about 1 - (1 - J³)⁶⁴: .82 at .3, .985 at .4, .9998 at
.5. (Bands of four find less, those of two meet too many others when hundreds of thousands of leaders are held.)"""
BANDS_OF_SHORT: Final = 128
"""Bands of a text of up to `LETTERS_SHORT` letters: the others hash its other components in the same way. (Bands of
the same components in another order find less: where too few of 64 are equal by chance, they are for all bands.)"""
_SECOND, _THIRD = 11, 30

_FIRST_PRIME, _SECOND_PRIME = np.uint64(0x9E3779B185EBCA87), np.uint64(0xC2B2AE3D27D4EB4F)
_THIRD_PRIME: Final = np.uint32(0x85EBCA77)
_HALF, _SIXTEEN, _TOP_BYTE = np.uint64(32), np.uint32(16), np.uint32(24)
_BYTE: Final = np.uint64(8)


class Arrivals(NamedTuple):
    """What arrives, a row each."""

    signatures: NDArray[np.uint64]
    """(n · SIGNATURE,): as stored."""
    bits: NDArray[np.uint64]
    """(n · BIT_WORDS,)."""
    places: NDArray[np.int64]
    """(n, BANDS_OF_SHORT): where its entries are; of a longer text, the first BANDS."""
    tags: NDArray[np.uint32]
    """(n, BANDS_OF_SHORT): the part of its entries that is not the slot."""
    ids: NDArray[np.uint64]
    """(n,): the leader each would be."""
    words: Halves
    letters: Halves
    senders: Words
    ts: Words
    data: NDArray[np.uint8]
    offsets: Words


class Found(NamedTuple):
    """What is found out of each row; n each."""

    ids: NDArray[np.uint64]
    similarities: NDArray[np.float32]
    counts: Halves
    senders: Halves
    senders_1h: Halves
    ages_ms: Words
    new: NDArray[np.bool_]
    closeness: NDArray[np.float32]


class Limits(NamedTuple):
    """When a text joins or founds a group."""

    alike: float
    """Similarity to the leader, in parts of `CLOSENESS_ONE`: so much for texts without end,"""
    alike_for_short: float
    """and so much more by one divided by the letters of the shorter text."""
    letters_to_join: int
    words: int
    letters: int
    senders_shown: int


def band_places(places_in_band: int) -> int:
    """Return how many places all bands have together: those of short texts alone have half as many each."""
    return BANDS * places_in_band + (BANDS_OF_SHORT - BANDS) * max(1, places_in_band // 2)


@inlined
def bands_of(letters: int) -> int:
    """Return how many bands a text has."""
    return BANDS_OF_SHORT if letters <= LETTERS_SHORT else BANDS


@kernel
def prepare(
    values: NDArray[np.uint32], more: NDArray[np.uint32], ts: Words, places_in_band: int, arrivals: Arrivals
) -> None:
    """Write what follows from signatures alone: how they are stored, their bands and ids."""
    size, size_of_short = np.uint64(places_in_band), np.uint64(max(1, places_in_band // 2))
    for row in range(values.shape[0]):
        sign = values[row]
        for i in range(SIGNATURE):
            word = np.uint64(0)
            for k in range(8):
                x = sign[8 * i + k]
                component = np.uint32((x ^ x >> _SIXTEEN) * _THIRD_PRIME) >> _TOP_BYTE
                word = word << _BYTE | np.uint64(component)
            arrivals.signatures[row * SIGNATURE + i] = word
        start = 0
        for band in range(bands_of(arrivals.letters[row])):
            of, places = (sign, size) if band < BANDS else (more[row], size_of_short)
            h = _band_hash(of, band % COMPONENTS)
            arrivals.places[row, band] = start + signed(((h >> _HALF) * places) >> _HALF)
            arrivals.tags[row, band] = np.uint32(h & np.uint64(0xFFFFFFFF)) & TAG
            start += signed(places)
        arrivals.ids[row] = _id(sign, ts[row])


@inlined
def _band_hash(sign: NDArray[np.uint32], first: int) -> np.uint64:
    second, third = (first + _SECOND) % COMPONENTS, (first + _THIRD) % COMPONENTS
    h = (np.uint64(sign[first]) << _HALF | np.uint64(sign[second])) * _FIRST_PRIME
    h = ((h ^ h >> _HALF) + np.uint64(sign[third])) * _SECOND_PRIME
    return (h ^ h >> _HALF) * _FIRST_PRIME


@inlined
def _id(sign: NDArray[np.uint32], ts: int) -> np.uint64:
    h = np.uint64(ts) * _FIRST_PRIME
    for k in range(COMPONENTS):
        h = ((h ^ h >> _HALF) + np.uint64(sign[k])) * _SECOND_PRIME
    h = (h ^ h >> _HALF) * _FIRST_PRIME
    h ^= h >> _HALF
    return h if h != 0 else np.uint64(1)
