"""Texts as code points, where `fold` and `slotted` do their work: UTF-8 read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from detector.contract.jit import kernel, part
from features.text.column import TextColumn
from features.text.fold_tables import DROP, FAR, LETTER, POINTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LAST_LETTER: Final = 0x3FFFF
_LAST_POINT: Final = 0x10FFFF


class Points(NamedTuple):
    """n texts in code points; row i is ``data[begins[i]:ends[i]]``."""

    data: NDArray[np.int32]
    begins: NDArray[np.int64]
    """(n,)"""
    ends: NDArray[np.int64]
    """(n,)"""


def decoded(texts: TextColumn) -> Points:
    """Read UTF-8; a byte that is none is left out."""
    count = len(texts)
    points = Points(np.empty(len(texts.data), np.int32), np.empty(count, np.int64), np.empty(count, np.int64))
    _decode(texts.data, texts.offsets, *points)
    return points


def encoded(points: Points) -> TextColumn:
    """Write UTF-8."""
    offsets = np.zeros(len(points.begins) + 1, np.int64)
    _measure(*points, offsets)
    data = np.empty(int(offsets[-1]), np.uint8)
    _encode(*points, data)
    return TextColumn(data, offsets)


@part
def wide(number: np.integer[Any] | int) -> int:
    """Give a number that counts as Python's do, not wrapping."""
    return np.int64(number)  # type: ignore[return-value]  # mypy tells numpy's integers from Python's


@part
def kind_of(point: int, kinds: NDArray[np.uint32]) -> int:
    """Give the kinds of a code point."""
    if point < POINTS:
        return wide(kinds[point])
    return LETTER | FAR if point <= _LAST_LETTER else DROP


@kernel
def _decode(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    points: NDArray[np.int32],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> None:
    to = 0
    for row in range(begins.shape[0]):
        at, end = offsets[row], offsets[row + 1]
        begins[row] = to
        while at < end:
            byte = wide(data[at])
            if byte < 0x80:
                points[to] = byte
                to, at = to + 1, at + 1
                continue
            size = 2 if 0xC2 <= byte < 0xE0 else (3 if 0xE0 <= byte < 0xF0 else (4 if 0xF0 <= byte < 0xF5 else 0))
            point = _tail(data, at, end, byte, size)
            if point >= 0:
                points[to] = point
                to += 1
            at += size if point >= 0 else 1
        ends[row] = to


@kernel
def _tail(data: NDArray[np.uint8], at: int, end: int, lead: int, size: int) -> int:
    """Read a character of several bytes; -1 if it is not one."""
    if size == 0 or at + size > end:
        return -1
    point = lead & (0x7F >> size)
    for i in range(at + 1, at + size):
        byte = wide(data[i])
        if byte & 0xC0 != 0x80:
            return -1
        point = point << 6 | (byte & 0x3F)
    broken = point < 0x80 or (size > 2 and point < 0x800) or (size > 3 and point < 0x10000)
    return -1 if broken or point > _LAST_POINT or 0xD800 <= point < 0xE000 else point


@kernel
def _measure(
    data: NDArray[np.int32], begins: NDArray[np.int64], ends: NDArray[np.int64], offsets: NDArray[np.int64]
) -> None:
    total = 0
    for row in range(begins.shape[0]):
        total += ends[row] - begins[row]
        for i in range(begins[row], ends[row]):
            point = data[i]
            total += (point >= 0x80) + (point >= 0x800) + (point >= 0x10000)
        offsets[row + 1] = total


@kernel
def _encode(
    data: NDArray[np.int32], begins: NDArray[np.int64], ends: NDArray[np.int64], out: NDArray[np.uint8]
) -> None:
    to = 0
    for row in range(begins.shape[0]):
        for i in range(begins[row], ends[row]):
            point = wide(data[i])
            if point < 0x80:
                out[to] = point
                to += 1
                continue
            size = 2 + (point >= 0x800) + (point >= 0x10000)
            for k in range(size - 1, 0, -1):
                out[to + k] = 0x80 | (point & 0x3F)
                point >>= 6
            out[to] = ((0xF00 >> size) & 0xFF) | point
            to += size
