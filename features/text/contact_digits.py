"""Runs of words that are numbers, in digits or spoken."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from detector.contract.jit import kernel
from features.text.contact_sheet import DIGIT, JOINS, NONE, SPACE, Sheet, is_in
from features.text.contact_words import AGAIN, DIGIT_SHIFT, SQUASHED, TENS, THRICE, number, spoken_digits, whole
from features.text.contact_words import DIGIT as SPOKEN

_ONE, _TWO, _THREE = (number(each) for each in (1, 2, 3))
_GAP_MAX: Final = 4
_WORD_GAP_MAX: Final = 6
_POINT, _MONEY, _COLON, _PLUS_SIGN, _LETTER_O = b".$:+o"
_SPOKEN: Final = spoken_digits()
_SPOKEN_CODES: Final = np.frombuffer(b"".join(word for word, _ in _SPOKEN), np.uint8)
_SPOKEN_ENDS: Final = np.cumsum([len(word) for word, _ in _SPOKEN])
_SPOKEN_DIGITS: Final = np.array([digit for _, digit in _SPOKEN], np.uint8)
_IS_FIRST: Final = np.isin(np.arange(256), [SQUASHED[word[0]] for word, _ in _SPOKEN])


class Run(NamedTuple):
    """A run of words that are numbers."""

    first: int
    """Its first word, the one behind its last, and so on."""
    after: int
    digits: int
    groups: int
    spoken: int
    """How many digits were words."""
    loose: bool
    """More than the usual signs stand between its groups."""


@kernel
def _is_word_at(sheet: Sheet, i: int, end: int, begin: int, stop: int) -> bool:
    if end - i < stop - begin:
        return False
    for k in range(stop - begin):  # noqa: SIM110  # kernels have no all()
        if SQUASHED[sheet.codes[i + k]] != SQUASHED[_SPOKEN_CODES[begin + k]]:
            return False
    return True


@kernel
def _spoken_at(sheet: Sheet, i: int, end: int) -> tuple[int, int]:
    """Give the digit a word says from here on, and where its spelling ends; that is here if none does."""
    begin = NONE
    for k in range(len(_SPOKEN_ENDS) if _IS_FIRST[SQUASHED[sheet.codes[i]]] else 0):
        stop = _SPOKEN_ENDS[k]
        if _is_word_at(sheet, i, end, begin, stop):
            return whole(_SPOKEN_DIGITS[k]), i + stop - begin
        begin = stop
    return 0, i


@kernel
def _add(sheet: Sheet, digits: int, digit: int) -> int:
    """Note a digit; beyond the longest number they are only counted."""
    if digits < len(sheet.digits):
        sheet.digits[digits] = digit
    return digits + 1


@kernel
def _read_mixed(sheet: Sheet, i: int, end: int, digits: int) -> tuple[int, int]:
    """Read a word all of digits and words for digits; give the digits there are then and how many were spoken."""
    spoken, before = 0, digits
    while i < end:
        digit, stop = _spoken_at(sheet, i, end)
        if stop > i:
            digits, spoken, i = _add(sheet, digits, digit), spoken + 1, stop
        elif is_in(sheet.codes[i], DIGIT):
            digits, i = _add(sheet, digits, whole(sheet.codes[i]) - 48), i + 1
        elif sheet.codes[i] == _LETTER_O and (digits > before or (i + 2 < end and is_in(sheet.codes[i + 1], DIGIT))):
            digits, i = _add(sheet, digits, NONE), i + 1
        else:
            return before, 0
    return digits, spoken


@kernel
def _read_spoken(sheet: Sheet, word: int, digits: int, tens: int) -> int:
    """Read a word such as "fifteen" or "forty", or the "two" after that."""
    said = (whole(sheet.flags[word]) & SPOKEN) // (1 << DIGIT_SHIFT) - 1
    if said >= TENS:
        return _add(sheet, _add(sheet, digits, said - TENS), NONE)
    if said >= 10:
        return _add(sheet, _add(sheet, digits, _ONE), said - 10)
    if tens and said > 0:
        return _add(sheet, digits - 1, said)
    return _add(sheet, digits, said)


@kernel
def _is_plain(sheet: Sheet, word: int) -> bool:
    """Tell whether a word is digits only."""
    for i in range(sheet.starts[word], sheet.ends[word]):  # noqa: SIM110  # kernels have no all()
        if not is_in(sheet.codes[i], DIGIT):
            return False
    return True


@kernel
def _read_word(sheet: Sheet, word: int, digits: int, again: int, tens: int) -> tuple[int, int]:
    """Read a word of a number; give the digits there are then and how many were spoken."""
    before = digits
    if sheet.used[sheet.starts[word]]:
        return digits, 0
    if sheet.flags[word] & SPOKEN and not _is_plain(sheet, word):
        digits, spoken = _read_spoken(sheet, word, digits, tens), 1
    else:
        digits, spoken = _read_mixed(sheet, sheet.starts[word], sheet.ends[word], digits)
    if digits == before + 1:
        for _ in range(again - 1):
            digits = _add(sheet, digits, whole(sheet.digits[min(digits, len(sheet.digits)) - 1]))
    return digits, spoken


@kernel
def _gap(sheet: Sheet, word: int) -> int:
    """Judge what stands in front of a word, behind another: 0 it parts numbers, 1 only spoken ones go on, 2 any."""
    start, end = sheet.ends[word - 1], sheet.starts[word]
    usual, spaces = end - start <= _GAP_MAX, 0
    for i in range(start, end):
        spaces += is_in(sheet.codes[i], SPACE)
        alone = sheet.codes[i] != _POINT or end - start == 1
        usual &= is_in(sheet.codes[i], JOINS) and alone
        if (
            sheet.codes[i] == _MONEY
            or sheet.codes[i] == _COLON
            or (i > start and sheet.codes[i] == _PLUS_SIGN and usual)
        ):
            return 0
    return 2 if usual and spaces <= 2 else 1 if end - start <= _WORD_GAP_MAX else 0


@kernel
def read_run(sheet: Sheet, word: int, words: int) -> Run:
    """Read the longest run of numbers from a word on."""
    first, digits, groups, all_spoken, loose, again, tens, at = word, NONE, NONE, NONE, False, _ONE, NONE, word
    while at < words:
        gap = _gap(sheet, at) if at > first else 2
        if gap == 0:
            break
        flags = sheet.flags[at]
        if flags & AGAIN and at + 1 < words and sheet.flags[at + 1] & SPOKEN:
            again, at = _THREE if flags & THRICE else _TWO, at + 1
            continue
        more, spoken = _read_word(sheet, at, digits, again, tens)
        if more == digits and not (tens and spoken):
            break
        if groups < len(sheet.groups):
            sheet.groups[groups] = more - digits
        loose |= gap == 1
        tens = _ONE if (whole(flags) & SPOKEN) // (1 << DIGIT_SHIFT) - 1 >= TENS + 2 else NONE
        digits, groups, all_spoken, again, at = more, groups + 1, all_spoken + spoken, _ONE, at + 1
    return Run(first, at, digits, groups, all_spoken, loose)
