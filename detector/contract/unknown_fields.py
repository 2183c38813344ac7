"""Unknown fields: copied as the reference writes them, compact and with the fewest escapes.

What takes more than copying (a number of another form, a key that comes twice) is copied as it is and counted as a
doubt: the reference then reads the copy and writes it anew.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.contract.intrinsics import byte_at, copy_block, eight_at
from detector.contract.jit import kernel
from detector.contract.kernels import (
    Bytes,
    after_blanks,
    first_letters,
    is_null,
    read_integer,
    read_number,
)
from detector.contract.string_kernels import read_string

_LEVELS_MAX: Final = 32  # well below what the reference accepts: deeper is for it to judge
_KEYS_MAX: Final = 64  # of one row; whether one of more than these comes twice is a doubt

DOUBTS, KEYS, _OBJECTS, _LEVELS = 0, 1, 2, 3
_KEY_HASHES: Final = _LEVELS + _LEVELS_MAX
NEST_SIZE: Final = _KEY_HASHES + _KEYS_MAX
"""Places in a row's scratch, ``nest``: the doubts, keys and objects so far, then for each level the number of the
object open there (0: a list), then what tells each key from the others."""

_Nest = NDArray[np.int64]
_QUOTE, _ESCAPE, _COMMA, _COLON, _OPEN, _CLOSE, _CLOSE_LIST, _ZERO, _NINE, _PLUS, _POINT, _E = b'"\\,:{}]09+.e'
_U: Final = ord("u")
_TRUE, _FALSE = np.uint64(int.from_bytes(b"true", "little")), np.uint64(int.from_bytes(b"false", "little"))
_FOUR, _FIVE = np.uint64(2**32 - 1), np.uint64(2**40 - 1)
_HASH, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)
_AS_IS_MIN: Final = 0.001  # a fraction below it may be written with an exponent
_SHORT_ESCAPES: Final = np.zeros(256, np.uint8)
_SHORT_ESCAPES[list(b'"\\\b\t\n\f\r')] = list(b'"\\btnfr')
_HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)


@kernel
def copy_field(
    buffer: Bytes, begin: int, size: int, at: int, end: int, out: Bytes, to: int, nest: _Nest
) -> tuple[int, int]:
    """Copy a field, its quoted key ``size`` long, its value at ``at``: the positions after it and after the copy.

    Where it breaks off at ``end``, the first is ``~end``; where it is not in the plain form, another negative number.
    """
    _copy(buffer, begin, size, out, to)
    _note_key(out, to, size, 0, nest)
    out[to + size] = _COLON
    return _copy_value(buffer, at, end, out, to + size + 1, nest)


@kernel
def _copy(buffer: Bytes, at: int, size: int, out: Bytes, to: int) -> None:
    for done in range(0, size, 32):
        copy_block(buffer, at + done, out, to + done)


@kernel
def _note_key(out: Bytes, at: int, size: int, held_by: int, nest: _Nest) -> None:
    """Note a key of an object; that it is there already is a doubt."""
    told = np.uint64(held_by)
    for done in range(0, size, 16):
        low, high = first_letters(out, at + done, size - done)
        told = (told ^ low) * _HASH
        told = (told ^ told >> _HALF ^ high) * _HASH
        told ^= told >> _HALF
    count = nest[KEYS]
    if count == _KEYS_MAX:
        nest[DOUBTS] += 1
        return
    mark = np.int64(told)
    for key in range(count):
        nest[DOUBTS] += nest[_KEY_HASHES + key] == mark
    nest[_KEY_HASHES + count] = mark
    nest[KEYS] = count + 1


@kernel
def _copy_value(buffer: Bytes, at: int, end: int, out: Bytes, to: int, nest: _Nest) -> tuple[int, int]:
    depth = 0
    while at >= 0:
        opened = byte_at(buffer, at)
        if opened | 32 != _OPEN:  # nor [, which differs from { in this bit
            at, to = _copy_scalar(buffer, at, end, out, to, nest)
            if at < 0 or depth == 0:
                break
        elif depth == _LEVELS_MAX:
            return -1, to
        else:
            depth += 1
            nest[_OBJECTS] += 1
            nest[_LEVELS + depth - 1] = nest[_OBJECTS] if opened == _OPEN else 0
            out[to] = opened
            at, to = after_blanks(buffer, at + 1), to + 1
            if byte_at(buffer, at) != _closing(nest, depth):
                at, to = _copy_key(buffer, at, end, out, to, depth, nest)
                continue
        at, to, depth = _close(buffer, at, out, to, depth, nest)
        if depth == 0:
            break
        if byte_at(buffer, at) != _COMMA:
            return ~at, to
        out[to] = _COMMA
        at, to = _copy_key(buffer, after_blanks(buffer, at + 1), end, out, to + 1, depth, nest)
    return at, to


@kernel
def _closing(nest: _Nest, depth: int) -> int:
    return _CLOSE if nest[_LEVELS + depth - 1] > 0 else _CLOSE_LIST


@kernel
def _close(buffer: Bytes, at: int, out: Bytes, to: int, depth: int, nest: _Nest) -> tuple[int, int, int]:
    at = after_blanks(buffer, at)
    while depth > 0 and byte_at(buffer, at) == _closing(nest, depth):
        out[to] = _closing(nest, depth)
        depth -= 1
        at, to = after_blanks(buffer, at + 1), to + 1
    return at, to, depth


@kernel
def _copy_key(buffer: Bytes, at: int, end: int, out: Bytes, to: int, depth: int, nest: _Nest) -> tuple[int, int]:
    """Copy the key of the next field, where the innermost level is an object."""
    held_by = nest[_LEVELS + depth - 1]
    if held_by == 0:
        return at, to
    begin = to
    at, to = _copy_string(buffer, at, end, out, to)
    if at < 0:
        return at, to
    _note_key(out, begin, to - begin, held_by, nest)
    at = after_blanks(buffer, at)
    if byte_at(buffer, at) != _COLON:
        return ~at, to
    out[to] = _COLON
    return after_blanks(buffer, at + 1), to + 1


@kernel
def _copy_scalar(buffer: Bytes, at: int, end: int, out: Bytes, to: int, nest: _Nest) -> tuple[int, int]:
    letter = byte_at(buffer, at)
    if letter == _QUOTE:
        return _copy_string(buffer, at, end, out, to)
    size = 0
    if is_null(buffer, at) or eight_at(buffer, at) & _FOUR == _TRUE:
        size = 4
    elif eight_at(buffer, at) & _FIVE == _FALSE:
        size = 5
    else:
        size = _number_size(buffer, at, nest)
    _copy(buffer, at, size, out, to)
    return (at + size if size > 0 else ~at), to + size


@kernel
def _number_size(buffer: Bytes, at: int, nest: _Nest) -> int:
    """Measure a number; one that may be written in another way is a doubt."""
    begin, fraction = at, False
    letter = byte_at(buffer, at)
    while (_ZERO <= letter <= _NINE) or (_PLUS <= letter <= _POINT and letter != _COMMA) or letter | 32 == _E:
        fraction |= letter == _POINT
        at += 1
        letter = byte_at(buffer, at)
    number, after = read_number(buffer, begin)
    if fraction:
        plain = abs(number) >= _AS_IS_MIN and (byte_at(buffer, at - 1) != _ZERO or byte_at(buffer, at - 2) == _POINT)
    else:
        whole, after = read_integer(buffer, begin)
        plain = whole != 0 or byte_at(buffer, begin) == _ZERO
    nest[DOUBTS] += not plain or after != at
    return at - begin


@kernel
def _copy_string(buffer: Bytes, at: int, end: int, out: Bytes, to: int) -> tuple[int, int]:
    length, after = read_string(buffer, at, end)
    if after < 0:
        return after, to
    if after - at - 2 == length:  # no escapes
        _copy(buffer, at, length + 2, out, to)
        return after, to + length + 2
    out[to] = _QUOTE
    to += 1
    for place in range(at + 1, at + 1 + length):
        to = _write_letter(buffer[place], out, to)
    out[to] = _QUOTE
    return after, to + 1


@kernel
def _write_letter(letter: int, out: Bytes, to: int) -> int:
    if letter >= 32 and letter != _QUOTE and letter != _ESCAPE:
        out[to] = letter
        return to + 1
    out[to] = _ESCAPE
    if _SHORT_ESCAPES[letter]:
        out[to + 1] = _SHORT_ESCAPES[letter]
        return to + 2
    out[to + 1] = _U
    out[to + 2] = out[to + 3] = _ZERO
    out[to + 4], out[to + 5] = _HEX[letter >> 4], _HEX[letter & 15]
    return to + 6
