"""Spellings that hide a contact, undone on the sheet: spaced letters, "(dot)", "[at]", " dot com"; then its words.

What was spelled becomes the codes `SPELLED_DOT` and `SPELLED_AT`, so that readers may ask less of it than of a plain
dot, which chance puts between two words often enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel, part
from features.text.contact_sheet import (
    DIGIT,
    LABEL,
    LETTER,
    NONE,
    SPACE,
    SPELLED_AT,
    SPELLED_DOT,
    WIDE,
    WORD,
    Sheet,
    is_in,
)
from features.text.contact_suffixes import COMMON, FAIR, MAIL, SUFFIX_BITS, Suffixes
from features.text.contact_words import (
    AT,
    DOT,
    FNV_START,
    NAME,
    SHORT,
    SQUASHED,
    STOP,
    WORD_BITS,
    WORDS,
    grown,
    looked_up,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POINT, _AT_SIGN, _SPACE_CODE, _SLASH = b".@ /"
_OPENING: Final = b"([{<"
_CLOSING: Final = b")]}>"
_SPACED_RUN: Final = 3
"""So many single letters in a row are a spaced word."""
_SPACED_MAX: Final = 128
_SPACES_MAX: Final = 3
_WORD_KEYS, _WORD_FLAGS = WORDS
_INNER_SIGNS: Final = b"@$!|"


@part
def _is_bracket(code: int, brackets: bytes) -> bool:
    return code == brackets[0] or code == brackets[1] or code == brackets[2] or code == brackets[3]


@kernel
def word_flags(codes: NDArray[np.uint8], start: int, end: int) -> int:
    """Say what a word means; 0 if it is not known, or only digits."""
    h, exact, last, plain = FNV_START, grown(FNV_START, np.uint8(0)), np.uint8(0), True
    for i in range(start, end):
        code = SQUASHED[codes[i]]
        h = h if code == last and i > start else grown(h, code)
        exact = grown(exact, codes[i])
        last, plain = code, plain and is_in(codes[i], DIGIT)
    if plain:
        return 0
    flags = looked_up(_WORD_KEYS, _WORD_FLAGS, WORD_BITS, h)
    return flags | looked_up(_WORD_KEYS, _WORD_FLAGS, WORD_BITS, exact) if end - start <= SHORT else flags


@kernel
def _spaced_until(sheet: Sheet, i: int, n: int) -> int:
    """Give the end of the run of single characters with one sign between each, or its start if it is too short."""
    if i + 2 >= n or (i > 0 and is_in(sheet.codes[i - 1], WORD)) or not is_in(sheet.codes[i], WORD):
        return i
    sign, letters, stop = sheet.codes[i + 1], 0, i
    if is_in(sign, WORD):
        return i
    most = min(n, i + _SPACED_MAX)
    while stop < most and not is_in(sheet.codes[stop], SPACE) and (stop == i or sheet.codes[stop - 1] == sign):
        letters += is_in(sheet.codes[stop], LETTER | WIDE) or (sign == _SPACE_CODE and is_in(sheet.codes[stop], DIGIT))
        if stop + 1 < n and is_in(sheet.codes[stop], WORD) and is_in(sheet.codes[stop + 1], WORD):
            stop -= 2  # the last sign led to a whole word
            break
        stop += 2
    return min(stop - 1, n) if letters >= _SPACED_RUN and stop > i + 2 * _SPACED_RUN - 2 else i


@kernel
def close_up(sheet: Sheet, n: int) -> int:
    """Join letters that stand singly with one sign between each: "t e l e", "t.e.l.e"; give the new number of codes."""
    kept, i = NONE, NONE
    while i < n:
        stop = _spaced_until(sheet, i, n)
        if stop == i:
            sheet.codes[kept], sheet.at[kept] = sheet.codes[i], sheet.at[i]
            kept, i = kept + 1, i + 1
            continue
        for k in range(i, stop, 2):
            sheet.codes[kept], sheet.at[kept] = sheet.codes[k], sheet.at[k]
            kept += 1
        i = stop
    sheet.at[kept] = sheet.at[n]
    return kept


@kernel
def _past_spaces(sheet: Sheet, i: int, n: int) -> int:
    stop = min(n, i + _SPACES_MAX)
    while i < stop and is_in(sheet.codes[i], SPACE):
        i += 1
    return i


@kernel
def past(sheet: Sheet, i: int, n: int, kind: int) -> int:
    """Give the end of the run of codes of a class."""
    while i < n and is_in(sheet.codes[i], kind):
        i += 1
    return i


@kernel
def _bracketed(sheet: Sheet, i: int, n: int) -> tuple[int, int]:
    """Read "(dot)", "[@]" and the like; give what it says, and its end."""
    if not _is_bracket(sheet.codes[i], _OPENING):
        return 0, i
    first = _past_spaces(sheet, i + 1, n)
    last = past(sheet, first, n, WORD) if first < n else first
    said = 0
    if last > first:
        flags = word_flags(sheet.codes, first, last) if last - first <= 7 else 0
        letter_a = last == first + 1 and sheet.codes[first] == ord("a")
        said = SPELLED_DOT if flags & DOT else SPELLED_AT if flags & AT or letter_a else 0
    elif first < n and sheet.codes[first] in (_POINT, _AT_SIGN):
        said, last = SPELLED_DOT if sheet.codes[first] == _POINT else SPELLED_AT, first + 1
    close = _past_spaces(sheet, last, n)
    return (said, close + 1) if said and close < n and _is_bracket(sheet.codes[close], _CLOSING) else (0, i)


@kernel
def _suffix_flags(sheet: Sheet, start: int, end: int, suffixes: Suffixes) -> int:
    h = FNV_START
    for i in range(start, end):
        h = grown(h, sheet.codes[i])
    return looked_up(suffixes.keys, suffixes.flags, SUFFIX_BITS, h)


@kernel
def _ends_host(sheet: Sheet, i: int, n: int, suffixes: Suffixes) -> bool:
    """Tell whether the word here is how web addresses end, or is followed by one more dot."""
    stop = past(sheet, i, n, LABEL)
    if stop == i:
        return False
    if _suffix_flags(sheet, i, stop, suffixes) & (COMMON | FAIR):
        return True
    after = _past_spaces(sheet, stop, n)
    if after < n and (sheet.codes[after] == _POINT or _bracketed(sheet, after, n)[0] == SPELLED_DOT):
        return after + 1 < n and not is_in(sheet.codes[after + 1], SPACE)
    last = past(sheet, after, n, WORD)
    return after > stop and last > after and bool(word_flags(sheet.codes, after, last) & DOT)


@kernel
def _bare_dot(sheet: Sheet, i: int, n: int, suffixes: Suffixes) -> tuple[int, int]:
    """Read " dot com", " . com" and " .com" from the space on, behind a word."""
    first = _past_spaces(sheet, i, n)
    if first == i or first >= n or not is_in(sheet.codes[i - 1], WORD):
        return 0, i
    if sheet.codes[first] == _POINT:
        after = _past_spaces(sheet, first + 1, n)
        last = past(sheet, after, n, LABEL)
        # " .net" is a framework, and " .info" a file
        flags, slash = _suffix_flags(sheet, after, last, suffixes), _past_spaces(sheet, last, n)
        common = flags & COMMON and sheet.codes[after] != ord("n")
        common = common or (flags & FAIR and slash < n and sheet.codes[slash] == _SLASH)
        return (SPELLED_DOT, after) if common and not _stops_before(sheet, i) else (0, i)
    last = past(sheet, first, n, WORD)
    if not word_flags(sheet.codes, first, last) & DOT or last - first > 7:
        return 0, i
    after = _past_spaces(sheet, last, n)
    return (SPELLED_DOT, after) if after > last and _ends_host(sheet, after, n, suffixes) else (0, i)


@kernel
def _stops_before(sheet: Sheet, i: int) -> bool:
    """Tell whether the word that ends here is one of those no name has."""
    first = i
    while first > 0 and is_in(sheet.codes[first - 1], WORD | LABEL) and i - first < 16:
        first -= 1
    flags = word_flags(sheet.codes, first, i)
    return flags & STOP != 0 and not flags & NAME


@kernel
def _bare_at(sheet: Sheet, i: int, n: int, suffixes: Suffixes) -> tuple[int, int]:
    """Read " at " and " @ " between a name and a mail host, from the space on."""
    first = _past_spaces(sheet, i, n)
    if first == i or first >= n or not is_in(sheet.codes[i - 1], WORD) or _stops_before(sheet, i):
        return 0, i
    last = first + 1 if sheet.codes[first] == _AT_SIGN else past(sheet, first, n, WORD)
    if sheet.codes[first] != _AT_SIGN and (last - first > 7 or not word_flags(sheet.codes, first, last) & AT):
        return 0, i
    after = _past_spaces(sheet, last, n)
    stop, spelled = after, False
    while stop < n and (is_in(sheet.codes[stop], LABEL) or sheet.codes[stop] in (_POINT, SPELLED_DOT)):
        spelled |= sheet.codes[stop] == SPELLED_DOT
        stop += 1
    mail = _suffix_flags(sheet, after, stop, suffixes) & MAIL
    return (SPELLED_AT, after) if (after > last or sheet.codes[first] == _AT_SIGN) and (mail or spelled) else (0, i)


@kernel
def respell(sheet: Sheet, n: int, suffixes: Suffixes, sought: int) -> int:
    """Put codes in place of `SPELLED_DOT`, or of `SPELLED_AT` (dots come first); give the new number of codes."""
    kept, i = NONE, NONE
    while i < n:
        said, stop = NONE, i
        if is_in(sheet.codes[i], SPACE) and i > 0:
            said, stop = _bare_at(sheet, i, n, suffixes) if sought == SPELLED_AT else _bare_dot(sheet, i, n, suffixes)
        if not said:
            said, stop = _bracketed(sheet, _past_spaces(sheet, i, n), n)
            said = said if said == sought else NONE
        if said:
            stop = _past_spaces(sheet, stop, n)
        sheet.codes[kept], sheet.at[kept] = said if said else sheet.codes[i], sheet.at[i]
        kept, i = kept + 1, stop if said else i + 1
    sheet.at[kept] = sheet.at[n]
    return kept


@kernel
def find_words(sheet: Sheet, n: int) -> int:
    """Note where each word begins and ends, and what it means; give their number."""
    count, i = NONE, NONE
    while i < n:
        if not is_in(sheet.codes[i], WORD):
            i += 1
            continue
        first, wide = i, is_in(sheet.codes[i], WIDE)
        while i < n and _goes_on(sheet, i, n, wide):
            i += 1
        sheet.starts[count], sheet.ends[count] = first, i
        sheet.flags[count] = word_flags(sheet.codes, first, i)
        count += 1
    return count


@kernel
def _goes_on(sheet: Sheet, i: int, n: int, wide: bool) -> bool:
    """Tell whether a word goes on: signs that look like letters count as such between letters."""
    if is_in(sheet.codes[i], WORD):
        return is_in(sheet.codes[i], WIDE) == wide
    sign = sheet.codes[i]
    looks = sign == _INNER_SIGNS[0] or sign == _INNER_SIGNS[1] or sign == _INNER_SIGNS[2] or sign == _INNER_SIGNS[3]
    return looks and 0 < i < n - 1 and is_in(sheet.codes[i - 1], LETTER) and is_in(sheet.codes[i + 1], LETTER)
