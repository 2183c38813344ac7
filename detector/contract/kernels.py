"""The parts every scanner of bytes needs: words, numbers, views of strings (``string_kernels`` has the strings).

All work on a byte array with a margin (``intrinsics``) and positions in it, and answer -1 for "not in the plain form":
such a value is for the reference to judge, never refused here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.contract.intrinsics import byte_at, eight_at, lowest, zeros
from detector.contract.jit import kernel

Bytes = NDArray[np.uint8]

# Constants and no "in": a kernel works ord() and membership in a tuple out anew each time, at great cost.
_MINUS, _POINT, _ZERO = b"-.0"
_WORD_LETTERS_MAX: Final = 16
_SLOTS: Final = 256
_SLOT_SHIFT, _HALF, _SPREAD = np.uint64(56), np.uint64(32), np.uint64(0xC2B2AE3D27D4EB4F)
_MASKS: Final = [(1 << 8 * length) - 1 for length in range(9)]
_LOW_MASKS: Final = np.array([*_MASKS, *_MASKS[-1:] * 8], np.uint64)
_HIGH_MASKS: Final = np.array([*_MASKS[:1] * 8, *_MASKS], np.uint64)
_NULL: Final = np.uint64(int.from_bytes(b"null", "little"))
INLINE_MAX: Final = 12
_DIGITS_MAX: Final = 18  # always within 64 bits
_EXACT_DIGITS_MAX: Final = 15  # below 2^53 and divided by an exact power of ten: correctly rounded


class Words(NamedTuple):
    """A fixed set of words to look up in bytes: a perfect hash of up to 16 letters read as two numbers."""

    multiplier: np.uint64
    slots: NDArray[np.int64]
    low: NDArray[np.uint64]
    high: NDArray[np.uint64]
    lengths: NDArray[np.int64]


def words_of(words: Sequence[str]) -> Words:
    """Lay out words for ``find_word``, which answers with a word's place among them."""
    padded = b"".join(word.encode().ljust(_WORD_LETTERS_MAX, b"\0")[:_WORD_LETTERS_MAX] for word in words)
    halves = np.frombuffer(padded, np.uint64).reshape(-1, 2)
    lengths = np.array([len(word) for word in words])
    for odd in range(1, 10_000, 2):
        multiplier = np.uint64((0x9E3779B97F4A7C15 * odd) % 2**64)
        places = (halves[:, 0] ^ (halves[:, 1] * _SPREAD)) * multiplier >> _SLOT_SHIFT
        if len(set(places.tolist())) == len(words) and lengths.max() <= _WORD_LETTERS_MAX:
            slots = np.zeros(_SLOTS, np.int64)
            slots[places] = np.arange(len(words))
            return Words(multiplier, slots, halves[:, 0].copy(), halves[:, 1].copy(), lengths)
    msg = f"expected words of at most {_WORD_LETTERS_MAX} letters that {_SLOTS} slots hold apart, got {list(words)}"
    raise ValueError(msg)


@kernel
def find_ends(buffer: Bytes, size: int, ends: NDArray[np.int64]) -> int:
    """Find the zeros after the values: the longest value's length; -1 if there are more or fewer than values."""
    row, begin, longest = 0, 0, 0
    for block in range(0, size, 32):
        bits = zeros(buffer, block)
        while bits != 0:
            end = block + lowest(bits)
            bits &= bits - np.uint64(1)
            if end >= size:
                break
            if row == len(ends):
                return -1
            ends[row] = end
            longest = max(longest, end - begin)
            row, begin = row + 1, end + 1
    return longest if row == len(ends) else -1


@kernel
def first_letters(buffer: Bytes, at: int, length: int) -> tuple[np.uint64, np.uint64]:
    """Read up to 16 letters as two numbers, zero beyond the length."""
    held = min(length, _WORD_LETTERS_MAX)
    return eight_at(buffer, at) & _LOW_MASKS[held], eight_at(buffer, at + 8) & _HIGH_MASKS[held]


@kernel
def find_word(buffer: Bytes, at: int, length: int, words: Words) -> int:
    """Find which word stands here; -1 for none of them."""
    if length > _WORD_LETTERS_MAX:
        return -1
    low, high = first_letters(buffer, at, length)
    word = words.slots[(low ^ (high * _SPREAD)) * words.multiplier >> _SLOT_SHIFT]
    found = words.low[word] == low and words.high[word] == high and words.lengths[word] == length
    return word if found else -1


@kernel
def write_view(views: NDArray[np.uint64], row: int, buffer: Bytes, at: int, length: int) -> None:
    """Write an Arrow string view: the length, then up to 12 letters, or the first four and the place of all."""
    low, high = first_letters(buffer, at, length)
    views[row, 0] = np.uint64(length) | low << _HALF
    views[row, 1] = low >> _HALF | high << _HALF if length <= INLINE_MAX else np.uint64(at) << _HALF


@kernel
def after_blanks(buffer: Bytes, at: int) -> int:
    """Give the first position that is no blank."""
    letter = byte_at(buffer, at)
    while letter == 32 or letter == 10 or letter == 13 or letter == 9:
        at += 1
        letter = byte_at(buffer, at)
    return at


@kernel
def is_null(buffer: Bytes, at: int) -> bool:
    """Tell whether ``null`` stands here."""
    return bool(eight_at(buffer, at) & _LOW_MASKS[4] == _NULL)


@kernel
def read_integer(buffer: Bytes, at: int) -> tuple[int, int]:
    """Read an integer of at most 18 digits: its value, and the position after it or -1."""
    negative = byte_at(buffer, at) == _MINUS
    begin = at = at + negative
    value = 0
    digit = byte_at(buffer, at) - _ZERO
    while 0 <= digit <= 9:
        value = value * 10 + digit
        at += 1
        digit = byte_at(buffer, at) - _ZERO
        if at - begin > _DIGITS_MAX:
            return 0, -1
    if at == begin or (byte_at(buffer, begin) == _ZERO and at - begin > 1):
        return 0, -1
    return (-value if negative else value), at


@kernel
def read_number(buffer: Bytes, at: int) -> tuple[float, int]:
    """Read a number of at most 15 digits without exponent: its value, and the position after it or -1."""
    negative = byte_at(buffer, at) == _MINUS
    whole, after = read_integer(buffer, at + negative)
    if after < 0 or byte_at(buffer, at + negative) == _MINUS:
        return 0.0, -1
    digits = after - at - negative
    scale = 1.0
    at = after
    if byte_at(buffer, at) == _POINT:
        at += 1
        digit = byte_at(buffer, at) - _ZERO
        while 0 <= digit <= 9 and digits <= _EXACT_DIGITS_MAX:
            whole = whole * 10 + digit
            scale *= 10.0
            digits, at = digits + 1, at + 1
            digit = byte_at(buffer, at) - _ZERO
        if scale == 1.0:
            return 0.0, -1
    if digits > _EXACT_DIGITS_MAX or (negative and whole == 0):  # -0 and -0.0 differ: the reference knows how
        return 0.0, -1
    return (-whole / scale if negative else whole / scale), at
