"""What the words and signs of a message say, in one pass over its raw and one over its folded bytes.

Measures are shares or logarithms of counts, so that a text message and a long mail lie on one scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import inlined, kernel
from features.hashing import signed
from features.text.lexicon import GROUPS, LEXICON

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.text.column import TextColumn

_MARKS: Final = (
    *("characters", "capitals", "digits", "beyond_ascii", "exclamations", "questions", "currency", "percents"),
    *("lines", "pictographs", "links", "addresses", "handles", "long_numbers", "numbers", "shouted", "repeats"),
    *("quotes", "words", "word_length"),
)
NAMES: Final = (*_MARKS, *(f"{group}_share" for group in GROUPS), *(f"{group}_count" for group in GROUPS))
"""What each column of `measure_lexical` holds: ``*_share`` of the words, everything else ln(1 + count) or a share."""

_CHARACTERS, _CAPITALS, _DIGITS, _BEYOND, _EXCLAMATIONS, _QUESTIONS, _CURRENCY, _PERCENTS, _LINES, _PICTOGRAPHS = range(
    10
)
_LINKS, _ADDRESSES, _HANDLES, _LONG_NUMBERS, _NUMBERS, _SHOUTED, _REPEATS, _QUOTES, _WORDS, _WORD_LENGTH = range(10, 20)
_FIRST_GROUP: Final = len(_MARKS)
_GROUP_COUNT: Final = len(GROUPS)

_UPPER, _LOWER, _DIGIT, _SPACE, _CONTINUED = 1, 2, 4, 8, 16
_LETTER: Final = _UPPER | _LOWER
_WORD: Final = _LETTER | _DIGIT
_LEAD: Final = 192  # bytes from here on begin a character, those from 128 on continue one
_HYPHEN, _APOSTROPHE = 45, 39
_NONE, _LEADS = 255, 254
_LONG_NUMBER_MIN: Final = 7  # digits: phone numbers and references, no prices or years
_SHOUT_MIN: Final = 3
_START: Final = np.uint64(0xCBF29CE484222325)
_PRIME: Final = np.uint64(0x100000001B3)
_HALF, _ONE = np.uint64(32), np.uint64(1)


def _kinds() -> NDArray[np.uint8]:
    kinds = np.zeros(256, np.uint8)
    kinds[65:91], kinds[97:123], kinds[48:58] = _UPPER, _LOWER, _DIGIT
    kinds[[9, 10, 13, 32]] = _SPACE
    kinds[128:192], kinds[192:] = _CONTINUED, _LOWER
    return kinds


def _signs() -> NDArray[np.uint8]:
    """Tell for each byte the measure it may count for, `_LEADS` where the next byte decides."""
    signs = np.full(256, _NONE, np.uint8)
    single = {"!": _EXCLAMATIONS, "?": _QUESTIONS, "$": _CURRENCY, "%": _PERCENTS, "\n": _LINES, ">": _QUOTES}
    for sign, measure in (single | {":": _LINKS, ".": _LINKS, "@": _HANDLES}).items():
        signs[ord(sign)] = measure
    signs[0xF0], signs[[0xC2, 0xE2]] = _PICTOGRAPHS, _LEADS
    return signs


_KINDS: Final = _kinds()
_SIGNS: Final = _signs()


def measure_lexical(raw: TextColumn, folded: TextColumn) -> NDArray[np.float32]:
    """Measure n messages, shape (n, len(NAMES)); ValueError if raw and folded texts differ in number."""
    if len(raw) != len(folded):
        msg = f"expected as many raw as folded texts, got {len(raw)} and {len(folded)}"
        raise ValueError(msg)
    out = np.zeros((len(raw), len(NAMES)), np.float32)
    _measure_marks(raw.data, raw.offsets, _KINDS, _SIGNS, out)
    _measure_words(folded.data, folded.offsets, _KINDS, LEXICON.keys, LEXICON.groups, out)
    return out


@inlined
def _sign(
    byte: np.uint8, before: np.uint8, following: np.uint8, kinds: NDArray[np.uint8], signs: NDArray[np.uint8]
) -> int:
    """Tell the measure a byte counts for, or `_NONE`."""
    sign = signed(signs[byte])
    if sign == _LEADS:
        pound, currency = byte == 0xC2 and following == 0xA3, byte == 0xE2 and following == 0x82
        pictograph = byte == 0xE2 and 0x98 <= following <= 0x9E
        sign = _CURRENCY if pound or currency else _PICTOGRAPHS if pictograph else _NONE
    elif sign == _HANDLES:
        sign = _ADDRESSES if kinds[before] & _WORD else _HANDLES
    elif sign == _LINKS:
        scheme = byte == 58 and following == 47
        sign = _LINKS if scheme or (byte == 46 and kinds[before] & _WORD and kinds[following] & _LOWER) else _NONE
    return sign


@kernel
def _count_signs(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    kinds: NDArray[np.uint8],
    signs: NDArray[np.uint8],
    out: NDArray[np.float32],
) -> None:
    before = np.uint8(32)
    for at in range(start, end):
        byte = data[at]
        if signs[byte] != _NONE:
            following = data[at + 1] if at + 1 < end else np.uint8(32)
            sign = _sign(byte, before, following, kinds, signs)
            if sign != _NONE:
                out[sign] += 1
                out[_REPEATS] += byte == before
        before = byte


@kernel
def _count_letters(
    data: NDArray[np.uint8], start: int, end: int, kinds: NDArray[np.uint8], out: NDArray[np.float32]
) -> None:
    """Count characters, capitals, digits and bytes that lead beyond ASCII; the first and the last stay counts."""
    tally = (0, 0, 0, 0, 0)
    for at in range(start, end):
        kind = kinds[data[at]]
        characters, letters, capitals, digits, beyond = tally
        tally = (
            characters + (kind != _CONTINUED),
            letters + (kind & _LETTER != 0),
            capitals + (kind == _UPPER),
            digits + (kind == _DIGIT),
            beyond + (data[at] >= _LEAD),
        )
    characters, letters, capitals, digits, beyond = tally
    out[_CHARACTERS] = np.log1p(np.float32(characters))
    out[_CAPITALS] = capitals / max(letters, 1)
    out[_DIGITS] = digits / max(characters, 1)
    out[_BEYOND] = beyond / max(characters, 1)


@kernel
def _count_runs(
    data: NDArray[np.uint8], start: int, end: int, kinds: NDArray[np.uint8], out: NDArray[np.float32]
) -> None:
    """Count numbers (single spaces and hyphens do not end one) and words in capitals."""
    digits, letters, capitals = 0, 0, 0
    for at in range(start, end + 1):
        kind = kinds[data[at]] if at < end else _SPACE
        if kind == _DIGIT:
            digits += 1
        elif at >= end or not (kind == _SPACE or data[at] == _HYPHEN):
            out[_NUMBERS] += digits > 0
            out[_LONG_NUMBERS] += digits >= _LONG_NUMBER_MIN
            digits = 0
        if kind & _LETTER:
            letters += 1
            capitals += kind == _UPPER
        elif kind != _CONTINUED:
            out[_SHOUTED] += letters >= _SHOUT_MIN and capitals == letters
            letters = capitals = 0


@kernel
def _measure_marks(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    signs: NDArray[np.uint8],
    out: NDArray[np.float32],
) -> None:
    for row in range(out.shape[0]):
        start, end, counts = offsets[row], offsets[row + 1], out[row]
        _count_signs(data, start, end, kinds, signs, counts)
        _count_runs(data, start, end, kinds, counts)
        _count_letters(data, start, end, kinds, counts)
        for measure in range(_EXCLAMATIONS, _WORDS):
            counts[measure] = np.log1p(counts[measure])


@inlined
def _groups_of(hashed: np.uint64, keys: NDArray[np.uint64], groups: NDArray[np.uint64]) -> np.uint64:
    mask = np.uint64(keys.shape[0] - 1)
    place = (hashed ^ (hashed >> _HALF)) & mask
    while keys[place] != 0 and keys[place] != hashed:
        place = (place + np.uint64(1)) & mask
    return groups[place] if keys[place] == hashed else np.uint64(0)


@inlined
def _count_groups(held: np.uint64, counts: NDArray[np.float32]) -> None:
    group = _FIRST_GROUP
    while held != 0:
        counts[group] += np.float32(held & _ONE)
        held >>= _ONE
        group += 1


@kernel
def _measure_words(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    keys: NDArray[np.uint64],
    groups: NDArray[np.uint64],
    out: NDArray[np.float32],
) -> None:
    for row in range(out.shape[0]):
        counts = out[row]
        hashed, length, words, letters = _START, 0, 0, 0
        for at in range(offsets[row], offsets[row + 1] + 1):
            byte = data[at] if at < offsets[row + 1] else np.uint8(32)
            if byte == _APOSTROPHE or kinds[byte] & (_LETTER | _CONTINUED):
                hashed = (hashed ^ np.uint64(byte | 32 if kinds[byte] == _UPPER else byte)) * _PRIME
                length += 1
            elif length > 0:
                words, letters = words + 1, letters + length
                _count_groups(_groups_of(hashed, keys, groups), counts)
                hashed, length = _START, 0
        for group in range(_FIRST_GROUP, _FIRST_GROUP + _GROUP_COUNT):
            counts[group + _GROUP_COUNT] = np.log1p(counts[group])
            counts[group] /= max(words, 1)
        counts[_WORDS] = np.log1p(np.float32(words))
        counts[_WORD_LENGTH] = letters / max(words, 1)
