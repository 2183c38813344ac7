"""MinHash signatures: of two texts the share of equal components estimates how much of their shingles they share.

A shingle is four characters in a row, of what is left of a text when everything but letters and digits counts as one
space; of scripts whose signs say as much as half a word (Chinese, Japanese, Korean), two. The share of shingles two
texts have in common is their Jaccard similarity J, and two components are equal with probability J (A. Broder, "On the
resemblance and containment of documents", 1997): the estimate's standard error is sqrt(J(1-J)/64), at most .0625.

Beside them stands a bitmap with a bit for each shingle, placed by its hash: of two texts that are not long it tells J
nearly exactly (K. Whang and others, "A linear-time probabilistic counting algorithm", 1990, applied to both texts and
to their union), where components are off by a third of it when it is .2.

Component k is the least of a hash hₖ over the shingles. The constants are part of what is stored, in states and in
banks of known texts: they never change. (min(x·aₖ + bₖ) without another round of mixing costs less, but is biased on
sets as small as a message: by -15 % and +31 % in two trials on unrelated texts.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from detector.contract.jit import inlined, kernel
from features.hashing import signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.text.column import TextColumn

    _Constants = tuple[NDArray[np.uint32], NDArray[np.uint32]]

COMPONENTS: Final = 64
BIT_WORDS: Final = 8
LETTERS_SHORT: Final = 128
"""A text of up to so many letters has few shingles, and more components: a word or two replaced leave little of it."""
CHARACTERS_MAX: Final = 4096
"""So many characters of a text are read, the spaces in between not counted twice."""

_SPACE: Final = 32
_SKIP: Final = 0
_KEPT: Final = np.array(
    [b | 32 if 65 <= b <= 90 else b if 97 <= b <= 122 or 48 <= b <= 57 else _SPACE for b in range(128)], np.uint8
)
_WORD_UNITS: Final = 10
"""What a word with spaces around it counts, in tenths of words: scripts that have none count by characters."""
_WIDE_UNITS, _UNSPACED_UNITS = 5, 2  # half a word a Chinese sign, a fifth a Thai letter
_WIDE_LETTERS: Final = 2
_NARROW: Final = 4
_K1, _K2, _K3 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)
_K4: Final = np.uint64(0x85EBCA77C2B2AE63)
_HALF: Final = np.uint64(32)
_SIXTEEN, _TIMES_AGAIN = np.uint32(16), np.uint32(0x85EBCA6B)
_NONE: Final = np.uint32(2**32 - 1)
_WORD_SHIFT, _BIT_SHIFT, _BIT_MASK = np.uint32(29), np.uint32(23), np.uint32(63)

_TIMES, _PLUS = np.random.Generator(np.random.PCG64(20240229)).integers(0, 2**32, (2, COMPONENTS), np.uint32)
_TIMES |= np.uint32(1)
_MORE_TIMES, _MORE_PLUS = np.random.Generator(np.random.PCG64(20261128)).integers(0, 2**32, (2, COMPONENTS), np.uint32)
_MORE_TIMES |= np.uint32(1)


class Signatures(NamedTuple):
    """Signatures of n texts and how much they say."""

    values: NDArray[np.uint32]
    """(n, COMPONENTS); all 2³²-1 if a text has no shingle."""
    more: NDArray[np.uint32]
    """(n, COMPONENTS): as many again of the texts of up to `LETTERS_SHORT` letters, to find them by; 0 of others."""
    bits: NDArray[np.uint64]
    """(n, BIT_WORDS): a bit for each shingle."""
    words: NDArray[np.int32]
    """(n,): words, at ten Chinese signs or twenty-five Thai letters to five words."""
    letters: NDArray[np.int32]
    """(n,): letters and digits, a Chinese sign being two."""


def sign(texts: TextColumn) -> Signatures:
    """Sign normalised texts: lower case, with what varies in a template replaced by names of slots."""
    count = len(texts)
    values, more = np.empty((count, COMPONENTS), np.uint32), np.zeros((count, COMPONENTS), np.uint32)
    bits = np.zeros((count, BIT_WORDS), np.uint64)
    found = Signatures(values, more, bits, np.empty(count, np.int32), np.empty(count, np.int32))
    scratch = np.empty(CHARACTERS_MAX + 2, np.uint32)
    data = np.require(texts.data, requirements="W")  # kernels are compiled for one kind of array
    offsets = np.require(texts.offsets, requirements="W")
    _sign(data, offsets, (_TIMES, _PLUS), (_MORE_TIMES, _MORE_PLUS), scratch, *found)
    return found


@kernel
def _point_at(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Give the character that begins at a byte, and how many bytes it has; a broken one has one byte."""
    lead, left = signed(data[at]), end - at
    if lead >= 0xF0 and left >= 4:
        low = (signed(data[at + 1] & 63) << 12) | (signed(data[at + 2] & 63) << 6) | signed(data[at + 3] & 63)
        return ((lead & 7) << 18) | low, 4
    if lead >= 0xE0 and left >= 3:
        return ((lead & 15) << 12) | (signed(data[at + 1] & 63) << 6) | signed(data[at + 2] & 63), 3
    if lead >= 0xC0 and left >= 2:
        return ((lead & 31) << 6) | signed(data[at + 1] & 63), 2
    return _SPACE, 1


@kernel
def _kept(point: int) -> int:
    """Give what a character beyond ASCII counts as: itself, a space if it is a sign, nothing if it does not show."""
    if point < 0xC0 or point in (0xD7, 0xF7) or 0x2010 <= point < 0x2C00 or 0x3000 <= point < 0x3040:
        return _SPACE if point != 0xAD else _SKIP
    if 0x2000 <= point < 0x2010:
        return _SPACE if point < 0x200B else _SKIP
    if 0xFE00 <= point < 0xFE10 or point >= 0xE0000 or 0x0300 <= point < 0x0370:
        return _SKIP
    return _SPACE if 0x1F000 <= point < 0x1FB00 else point


@inlined
def _is_wide(point: int) -> bool:
    return 0x3040 <= point < 0xA4D0 or 0xAC00 <= point < 0xD7B0 or 0xF900 <= point < 0xFB00 or point >= 0x20000


@inlined
def _is_unspaced(point: int) -> bool:
    """Tell whether a script writes words without spaces: Thai, Lao, Burmese, Khmer."""
    return 0x0E00 <= point < 0x0F00 or 0x1000 <= point < 0x10A0 or 0x1780 <= point < 0x1800


@inlined
def _mixed(h: np.uint64) -> np.uint32:
    h = (h ^ (h >> _HALF)) * _K1
    return np.uint32(h >> _HALF)


@inlined
def _read(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Give what the character at a byte counts as, and how many bytes it has; the end counts as a space."""
    point, size = _SPACE, 1
    if at < end:
        lead = data[at]
        point = signed(_KEPT[lead]) if lead < 128 else _SKIP
        if lead >= 128:
            point, size = _point_at(data, at, end)
            point = _kept(point)
    return point, size


@inlined
def _units(point: int, begins_word: bool) -> int:
    """Give by how much a letter adds to the words."""
    if _is_wide(point):
        return _WIDE_UNITS
    if _is_unspaced(point):
        return _UNSPACED_UNITS
    return _WORD_UNITS if begins_word else 0


@kernel
def _shingles(data: NDArray[np.uint8], start: int, end: int, scratch: NDArray[np.uint32]) -> tuple[int, int, int]:
    """Write the hashes of a text's shingles; give how many there are, and its words and letters."""
    first, second, third = np.uint64(0), np.uint64(0), np.uint64(_SPACE)
    count, read, units, letters, at = 0, 1, 0, 0, start
    while at <= end and read < CHARACTERS_MAX:
        point, size = _read(data, at, end)
        at += size
        if point == _SKIP or (point == _SPACE and third == _SPACE):
            continue
        fourth, wide = np.uint64(point), _is_wide(point)
        if point != _SPACE:
            letters += _WIDE_LETTERS if wide else 1
            units += _units(point, third == _SPACE)
        read += 1
        if wide and third != _SPACE:
            scratch[count] = _mixed(third * _K2 + fourth)
            count += 1
        elif not wide and read >= _NARROW:
            scratch[count] = _mixed(first * _K3 + second * _K2 + third * _K4 + fourth)
            count += 1
        first, second, third = second, third, fourth
    return count, units // _WORD_UNITS, letters


@kernel
def _sign(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    constants: _Constants,
    more_constants: _Constants,
    scratch: NDArray[np.uint32],
    values: NDArray[np.uint32],
    more: NDArray[np.uint32],
    bits: NDArray[np.uint64],
    words: NDArray[np.int32],
    letters: NDArray[np.int32],
) -> None:
    for row in range(words.shape[0]):
        count, words[row], letters[row] = _shingles(data, offsets[row], offsets[row + 1], scratch)
        for i in range(count):
            x = scratch[i]
            bits[row, x >> _WORD_SHIFT] |= np.uint64(1) << np.uint64(x >> _BIT_SHIFT & _BIT_MASK)
        _least(scratch[:count], constants, values[row])
        if letters[row] <= LETTERS_SHORT:
            _least(scratch[:count], more_constants, more[row])


@inlined
def _least(shingles: NDArray[np.uint32], constants: _Constants, least: NDArray[np.uint32]) -> None:
    times, plus = constants
    for k in range(COMPONENTS):
        least[k] = _NONE
    for i in range(shingles.shape[0]):
        for k in range(COMPONENTS):
            h = np.uint32((shingles[i] ^ plus[k]) * times[k])
            h = np.uint32((h ^ (h >> _SIXTEEN)) * _TIMES_AGAIN)
            least[k] = min(least[k], h)
