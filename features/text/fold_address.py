"""Links, e-mail addresses and handles in a text of code points in lower case, as far as `fold` has to spare them.

(What a contact is, exactly and in normal form, is found elsewhere; here one look at a token must do.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel, part
from features.text.fold_points import kind_of
from features.text.fold_tables import DIGIT, LETTER

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_ADDRESS, LINK, EMAIL, HANDLE = range(4)
_ENDINGS: Final = """
com net org info biz io me ly co ru xyz top club site online link app shop live vip
ac ae ai ar at au be bg bid br buzz by ca cc cf ch cl cloud cn cz date de dev dk edu es eu fi fm fr fun ga gd gg gl gov
gq gr hk hu id ie il in ir is it jp kr kz lt lv ml mobi mx nl no nz pe ph pk pl pro pt pw ro rs sa se sg sh si sk space
store su tech tk tr tv tw ua uk us vc vn website win work ws wtf za \u0441\u0430\u0439\u0442 \u0440\u0444
"""
_PRIME: Final = np.uint64(0x100000001B3)
_LABEL_MIN, _HANDLE_MIN = 2, 3


def number(word: str) -> int:
    """Hash a word as `number_of` does."""
    value = 0xCBF29CE484222325
    for character in word:
        value = ((value ^ ord(character)) * int(_PRIME)) & 0xFFFFFFFFFFFFFFFF
    return value


def numbers(words: list[str]) -> NDArray[np.uint64]:
    """Hash words, in rising order: what `is_in` searches."""
    return np.array(sorted(number(word) for word in words), np.uint64)


_SEED: Final = np.uint64(number(""))
_ENDING_NUMBERS: Final = numbers(_ENDINGS.split())
_AT, _POINT, _SLASH, _COLON, _HYPHEN, _UNDERLINE, _SPACE, _QUESTION, _HASH = (ord(c) for c in "@./:-_ ?#")


@part
def with_point(value: np.uint64, point: int) -> np.uint64:
    """Go on hashing a word with its next code point (unsigned: what numba makes of a signed overflow is undefined)."""
    return (value ^ np.uint64(point)) * _PRIME


@kernel
def number_of(src: NDArray[np.int32], at: int, stop: int) -> np.uint64:
    """Hash a word (FNV-1a over code points)."""
    value = _SEED
    for i in range(at, stop):
        value = with_point(value, src[i])
    return value


@kernel
def is_in(value: np.uint64, known: NDArray[np.uint64]) -> bool:
    """Tell whether a word is one of those known."""
    low, high = 0, known.shape[0]
    while low < high:
        middle = (low + high) >> 1
        if known[middle] < value:
            low = middle + 1
        else:
            high = middle
    return bool(low < known.shape[0] and known[low] == value)


@kernel
def address(src: NDArray[np.int32], at: int, stop: int, kinds: NDArray[np.uint32]) -> tuple[int, int]:
    """Tell what address begins a token that begins with a letter, digit or @, and where it ends."""
    if src[at] == _AT:
        end = _name_end(src, at + 1, stop, kinds)
        return (HANDLE, end) if end - at > _HANDLE_MIN and src[end - 1] != _AT else (NO_ADDRESS, at)
    i, sign, host = at, at, at
    while i < stop:
        if src[i] == _AT:
            sign, host = i, i + 1
        elif src[i] == _COLON and i > at and i + 3 < stop and src[i + 1] == _SLASH and src[i + 2] == _SLASH:
            return LINK, _trimmed(src, i + 3, stop, kinds)
        elif src[i] == _SLASH or src[i] == _QUESTION or src[i] == _HASH or (src[i] == _COLON and sign == at):
            break
        i += 1
    end = _host_end(src, host, i, kinds)
    if end == host:
        return NO_ADDRESS, at
    if sign > at:
        return EMAIL, end
    return LINK, (_trimmed(src, i, stop, kinds) if end == i and i < stop else end)


@kernel
def _name_end(src: NDArray[np.int32], at: int, stop: int, kinds: NDArray[np.uint32]) -> int:
    last = at
    while at < stop:
        word = kind_of(src[at], kinds) & (LETTER | DIGIT) > 0 or src[at] == _UNDERLINE
        if not word and src[at] != _POINT and src[at] != _HYPHEN:
            break
        at += 1
        last = at if word else last
    return last


@kernel
def _host_end(src: NDArray[np.int32], at: int, stop: int, kinds: NDArray[np.uint32]) -> int:
    """Give the end of the name of a host (labels with points between, the last one known), or its start if none is."""
    end = _name_end(src, at, stop, kinds)
    label, labels = at, 0
    for i in range(at, end):
        if src[i] == _POINT:
            if i == label:
                return at
            label, labels = i + 1, labels + 1
    known = labels > 0 and end - label >= _LABEL_MIN and is_in(number_of(src, label, end), _ENDING_NUMBERS)
    return end if known else at


@kernel
def _trimmed(src: NDArray[np.int32], at: int, stop: int, kinds: NDArray[np.uint32]) -> int:
    """Give the end of a link without the signs that close a sentence."""
    while stop > at and not kind_of(src[stop - 1], kinds) & (LETTER | DIGIT) and src[stop - 1] != _SLASH:
        stop -= 1
    return stop
