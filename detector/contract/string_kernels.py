"""Strings in bytes: where one ends, its escapes, whether it is UTF-8.

A string is unescaped where it stands, which always fits.
"""

from __future__ import annotations

from detector.contract.intrinsics import byte_at, lowest, specials
from detector.contract.jit import kernel
from detector.contract.kernels import Bytes

_QUOTE, _ESCAPE, _SLASH = b'"\\/'
_B, _FEED, _N, _R, _T, _U = b"bfnrtu"


@kernel
def special_at(buffer: Bytes, at: int) -> int:
    """Give the first position that ends a string or needs a closer look: quote, backslash, control, beyond ASCII."""
    bits = specials(buffer, at)
    while bits == 0:
        at += 32
        bits = specials(buffer, at)
    return int(at + lowest(bits))


@kernel
def read_string(buffer: Bytes, at: int, end: int) -> tuple[int, int]:
    """Read the string whose quote stands here: its length once unescaped, and the position after it.

    Where it breaks off at ``end``, that position is ``~end``; where it is not in the plain form, -1.
    """
    if byte_at(buffer, at) != _QUOTE:
        return 0, -1
    stop = special_at(buffer, at + 1)
    if byte_at(buffer, stop) == _QUOTE:
        return stop - at - 1, stop + 1
    return _read_special(buffer, at + 1, stop, end)


@kernel
def _read_special(buffer: Bytes, begin: int, at: int, end: int) -> tuple[int, int]:
    letter = byte_at(buffer, at)
    while letter >= 128:
        at = special_at(buffer, at + 1)
        letter = byte_at(buffer, at)
    if letter == _QUOTE:
        return (at - begin, at + 1) if is_utf8(buffer, begin, at) else (0, -1)
    if letter == _ESCAPE:
        return _read_escaped(buffer, begin, at, end)
    return 0, ~at if at == end else -1


@kernel
def _read_escaped(buffer: Bytes, begin: int, at: int, end: int) -> tuple[int, int]:
    to = at
    while at < end and buffer[at] != _QUOTE:
        if buffer[at] < 32:
            return 0, -1
        if buffer[at] != _ESCAPE:
            buffer[to] = buffer[at]
            to, at = to + 1, at + 1
            continue
        if at + 1 >= end:
            return 0, ~end
        if buffer[at + 1] == _U:
            point, at = _code_point(buffer, at, end)
            if point < 0:
                return 0, -1
            to = _write_utf8(buffer, to, point)
        else:
            letter = _escaped_letter(buffer[at + 1])
            if letter == 0:
                return 0, -1
            buffer[to] = letter
            to, at = to + 1, at + 2
    if at >= end:
        return 0, ~end
    return (to - begin, at + 1) if is_utf8(buffer, begin, to) else (0, -1)


@kernel
def _escaped_letter(letter: int) -> int:
    if letter == _QUOTE:
        return _QUOTE
    if letter == _ESCAPE:
        return _ESCAPE
    if letter == _SLASH:
        return _SLASH
    if letter == _N:
        return 10
    if letter == _T:
        return 9
    if letter == _R:
        return 13
    if letter == _B:
        return 8
    return 12 if letter == _FEED else 0


@kernel
def _code_point(buffer: Bytes, at: int, end: int) -> tuple[int, int]:
    high = _hex4(buffer, at + 2, end)
    if high < 0xD800 or high > 0xDFFF:
        return high, at + 6
    if high > 0xDBFF or at + 8 > end or buffer[at + 6] != _ESCAPE or buffer[at + 7] != _U:
        return -1, -1
    low = _hex4(buffer, at + 8, end)
    if low < 0xDC00 or low > 0xDFFF:
        return -1, -1
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00), at + 12


@kernel
def _hex4(buffer: Bytes, at: int, end: int) -> int:
    if at + 4 > end:
        return -1
    point = 0
    for position in range(at, at + 4):
        letter = buffer[position]
        if 48 <= letter <= 57:
            digit = letter - 48
        elif 97 <= (letter | 32) <= 102:
            digit = (letter | 32) - 87
        else:
            return -1
        point = point * 16 + digit
    return point


@kernel
def _write_utf8(buffer: Bytes, to: int, point: int) -> int:
    if point < 0x80:
        buffer[to] = point
        return to + 1
    if point < 0x800:
        buffer[to] = 0xC0 | (point >> 6)
    elif point < 0x10000:
        buffer[to] = 0xE0 | (point >> 12)
        to += 1
        buffer[to] = 0x80 | ((point >> 6) & 63)
    else:
        buffer[to] = 0xF0 | (point >> 18)
        buffer[to + 1] = 0x80 | ((point >> 12) & 63)
        to += 2
        buffer[to] = 0x80 | ((point >> 6) & 63)
    buffer[to + 1] = 0x80 | (point & 63)
    return to + 2


@kernel
def is_utf8(buffer: Bytes, at: int, end: int) -> bool:
    """Tell whether the bytes between two positions are UTF-8."""
    while at < end:
        lead = buffer[at]
        if lead < 0x80:
            at += 1
            continue
        if lead < 0xC2 or lead > 0xF4:
            return False
        size = 2 if lead < 0xE0 else (3 if lead < 0xF0 else 4)
        if at + size > end:
            return False
        second = buffer[at + 1]
        lowest = 0xA0 if lead == 0xE0 else (0x90 if lead == 0xF0 else 0x80)  # else overlong
        highest = 0x9F if lead == 0xED else (0x8F if lead == 0xF4 else 0xBF)  # else surrogate or too high
        if second < lowest or second > highest:
            return False
        for position in range(at + 2, at + size):
            if buffer[position] & 0xC0 != 0x80:
                return False
        at += size
    return True
