"""What a text column says about itself, in one pass over its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from detector.contract.jit import inlined, kernel
from features.hashing import bytes_at, hash_bytes, is_valid, signed, strings_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

LETTER: Final = 1
"""Has a letter beyond ASCII."""
EMOJI: Final = 2
"""Has an emoji or another pictograph."""

_EMOJI: Final = (
    *((0x20E3, 0x20E3), (0x231A, 0x231B), (0x23E9, 0x23FA), (0x2600, 0x27BF), (0x2B1B, 0x2B1C), (0x2B50, 0x2B55)),
    *((0xFE0F, 0xFE0F), (0x1F000, 0x1FAFF)),
)
"""Ranges of code points: pictographs, keycaps, and the mark that makes a sign an emoji."""
_KNOWN_POINTS: Final = 0x20000
_LAST_LETTER: Final = 0x3FFFF  # from _KNOWN_POINTS up to here all characters are Chinese


class Texts(NamedTuple):
    """Measures of n texts: what is absent is 0."""

    exact: NDArray[np.uint64]
    """Keys of the texts as they are."""
    characters: NDArray[np.int32]
    flags: NDArray[np.uint8]
    """Sums of LETTER and EMOJI."""


def measure(column: pl.Series) -> Texts:
    """Measure every text of a column."""
    count = len(column)
    found = Texts(np.zeros(count, np.uint64), np.zeros(count, np.int32), np.zeros(count, np.uint8))
    if column.null_count() < count:
        _measure(*strings_of(column), _KIND_OF, *found)
    return found


def _kinds() -> NDArray[np.uint8]:
    points = np.arange(_KNOWN_POINTS, dtype=np.uint32)
    kinds = np.char.isalpha(points.view("<U1")).astype(np.uint8) * np.uint8(LETTER)
    kinds[:128] = 0
    for first, last in _EMOJI:
        kinds[first : last + 1] = EMOJI
    return kinds


_KIND_OF: Final = _kinds()


@inlined
def _scan(text: NDArray[np.uint8], start: int, end: int) -> tuple[int, int]:
    """Give all bytes or-ed and the number of characters."""
    seen, characters = np.uint8(0), 0
    for at in range(np.uint64(start), np.uint64(end)):
        byte = text[at]
        seen |= byte
        characters += byte & 0xC0 != 0x80
    return signed(seen), characters


@kernel
def _kinds_in(text: NDArray[np.uint8], start: int, end: int, kinds: NDArray[np.uint8]) -> int:
    found, at = 0, start
    while at < end:
        lead = signed(text[at])
        if lead < 0xC0:
            at += 1
        elif lead < 0xE0:
            found |= kinds[((lead & 31) << 6) | (text[at + 1] & 63)]
            at += 2
        elif lead < 0xF0:
            found |= kinds[((lead & 15) << 12) | ((text[at + 1] & 63) << 6) | (text[at + 2] & 63)]
            at += 3
        else:
            point = ((lead & 7) << 18) | ((text[at + 1] & 63) << 12) | ((text[at + 2] & 63) << 6) | (text[at + 3] & 63)
            found |= kinds[point] if point < _KNOWN_POINTS else (LETTER if point <= _LAST_LETTER else 0)
            at += 4
    return found


@kernel
def _measure(
    views: NDArray[np.uint8],
    data: NDArray[np.uint8],
    valid: NDArray[np.uint8],
    first: int,
    kinds: NDArray[np.uint8],
    exact: NDArray[np.uint64],
    characters: NDArray[np.int32],
    flags: NDArray[np.uint8],
) -> None:
    for row in range(flags.shape[0]):
        if is_valid(valid, first + row):
            text, start, end = bytes_at(views, data, first + row)
            seen, characters[row] = _scan(text, start, end)
            exact[row] = hash_bytes(text, start, end)
            flags[row] = _kinds_in(text, start, end, kinds) if seen >= 128 else 0
