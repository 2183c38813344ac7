"""The words of a text as they are meant: spaced letters joined, leet read, repeats shortened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel
from features.text.fold_address import address
from features.text.fold_leet import may_be_leet, unleet
from features.text.fold_letters import WIDE
from features.text.fold_points import kind_of, wide
from features.text.fold_tables import ALPHA, CODE, DIGIT, FAR, LETTER, MARK, SEPARATOR, SIGN, UNSPACED

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORD: Final = LETTER | DIGIT | MARK | SIGN
_WORDLESS: Final = UNSPACED | FAR
_TRIPLED, _DOUBLED, _LONE, _LEET = 1, 2, 4, 8
"""What may be odd in a token: three equal letters, two equal signs, a letter alone, digits or signs beside letters."""
_SPELLED_MIN: Final = 4
"""So many letters in a row are a spelled word; a b c is a list."""
_BOLD_MIN: Final = 2
_UNSPACED_MIN: Final = 5
"""So many signs in a row, each alone, of scripts that put no spaces between words; a title may have four."""
_ALPHABET_STEP: Final = 1
_SHORT_MAX: Final = 64
"""So many letters in groups too short are no spelled words: a text of nothing else would be read again from each."""
_SEPARATION_MAX, _DIGITS_MAX = 3, 2
_EQUAL_MAX, _EQUAL_ONLY_MAX = 2, 3
_WEAK, _READ, _JOINED = 1 << 45, 1 << 30, 1 << 15
"""As news counts words that may be leet, words of leet, and words spelled by signs, beside other changes."""
_WEAK_BESIDE_READ, _WEAK_ALONE = 1, 3
"""So many words that may be leet are, beside one that surely is, or alone."""
LEET, SPELLED, SPREAD = 1, 2, 4
_AM, _AM_TAIL = (0xE4D, 0xECD), 0xE32 - 0xE4D  # Thai and Lao am is a mark and a letter
_POINT, _DOLLAR, _EURO, _SPACE = ord("."), ord("$"), 0x20AC, 32


@kernel
def mend(
    src: NDArray[np.int32],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    kinds: NDArray[np.uint32],
    dst: NDArray[np.int32],
    out_begins: NDArray[np.int64],
    out_ends: NDArray[np.int64],
    changed: NDArray[np.bool_],
    bold: NDArray[np.uint8],
) -> None:
    """Write every row as it is meant and say which changed; the source is written on.

    Two words of leet, two spelled by signs, or one row of lone signs of a script without spaces make a row bold (LEET,
    SPELLED, SPREAD): mended again, weaker signs are heeded.
    """
    to = 0
    for row in range(begins.shape[0]):
        at, end, out_begins[row], news = begins[row], ends[row], to, 0
        while at < end:
            if src[at] <= _SPACE:
                dst[to] = _SPACE
                at, to = at + 1, to + 1
                continue
            first = to
            stop, to, odd = _copy(src, at, end, kinds, dst, to)
            token = stop
            if odd:
                stop, to, new = _mend_token(src, at, token, end, odd, bold[row], kinds, dst, first)
                news += new
            bold[row] |= SPREAD if stop > token and kind_of(src[at], kinds) & _WORDLESS else 0
            at = stop
        before = bold[row]
        bold[row] |= _leet(news) | (SPELLED if news & (_READ - 1) >= 2 * _JOINED else 0)
        out_ends[row], changed[row] = to, news & (_WEAK - 1) > 0 or bold[row] != before


@kernel
def _leet(news: int) -> int:
    read, weak = (news & (_WEAK - 1)) // _READ, news // _WEAK
    return LEET if read > 1 or (read and weak >= _WEAK_BESIDE_READ) or weak >= _WEAK_ALONE else 0


@kernel
def _copy(
    src: NDArray[np.int32], at: int, end: int, kinds: NDArray[np.uint32], dst: NDArray[np.int32], to: int
) -> tuple[int, int, int]:
    """Copy up to the next space, and tell what is odd in it."""
    odd, run, seen, before, last, last_but_one = 0, 0, 0, 0, 0, 0
    while at < end and src[at] > _SPACE:
        point = src[at]
        kind = kind_of(point, kinds)
        if point == last:
            if kind & LETTER:
                odd |= _TRIPLED if last_but_one == point else 0
            else:
                odd |= 0 if kind & DIGIT else _DOUBLED
        if kind & _WORD:
            run += kind & MARK == 0
            odd |= _LEET if _mixes(point, kind, seen) else 0
            seen |= kind
        else:
            odd |= _LONE if run == 1 and before & (LETTER | SIGN | MARK) else 0
            run = 0
        dst[to] = point
        last, last_but_one, before = point, last, kind
        at, to = at + 1, to + 1
    return at, to, odd | (_LONE if run == 1 and before & (LETTER | SIGN | MARK) else 0)


@kernel
def _mixes(point: int, kind: int, seen: int) -> bool:
    if kind & LETTER:
        return seen & (DIGIT | SIGN) > 0
    return seen & LETTER > 0 and (kind & DIGIT > 0 or point in (_DOLLAR, _EURO))


@kernel
def _mend_token(
    src: NDArray[np.int32],
    at: int,
    stop: int,
    end: int,
    odd: int,
    bold: int,
    kinds: NDArray[np.uint32],
    dst: NDArray[np.int32],
    to: int,
) -> tuple[int, int, int]:
    news = 0
    while at < stop:
        word = at
        while word < stop and not kind_of(src[word], kinds) & _WORD:
            word += 1
        last, by_signs = _spelled(src, word, end, bold, kinds) if odd & _LONE and word < stop else (word, False)
        if last > word:
            to, new = _mend_words(src, at, _join(src, word, last, by_signs, kinds), bold, kinds, dst, to)
            at, news = last, news + new + (_JOINED if by_signs else 1)
            continue
        beyond = address(src, word, stop, kinds)[1] if word < stop else word
        if beyond > word:
            to, new = _mend_words(src, at, word, bold, kinds, dst, to)
            for i in range(word, beyond):
                dst[to] = src[i]
                to += 1
            at, news = beyond, news + new
        to, new = _mend_words(src, at, stop, bold, kinds, dst, to)
        return stop, to, news + new
    return at, to, news


@kernel
def _spelled(src: NDArray[np.int32], at: int, end: int, bold: int, kinds: NDArray[np.uint32]) -> tuple[int, bool]:
    """Find where a word ends that is spelled by single letters, and whether signs part them; else its start."""
    first, last, letters, digits, steps, by_signs = at, at, 0, 0, 0, False
    group, longest, script = 0, 0, _WORDLESS if kind_of(src[at], kinds) & _WORDLESS else ALPHA
    while at < end and (letters <= _SHORT_MAX or longest >= _letters_min(script, by_signs, bold)):
        kind, stop = kind_of(src[at], kinds), _sign_end(src, at, end, script, kinds)
        lone = stop == end or not kind_of(src[stop], kinds) & (LETTER | DIGIT | MARK)
        sign = kind & SIGN and src[at] != _DOLLAR
        if not lone or sign or not kind & (script | DIGIT | SIGN) or (at == first and kind & DIGIT):
            break
        digits = digits + 1 if kind & DIGIT else 0
        if digits > _DIGITS_MAX:
            break
        if not kind & DIGIT:
            steps += script == ALPHA and letters > 0 and src[at] - src[last - 1] == _ALPHABET_STEP
            letters, group, last = letters + 1, group + 1, stop
            longest = max(longest, group)
        after, spaces = _separation(src, stop, end, kinds)
        if at == first:
            by_signs = spaces == 0
        group = 0 if by_signs and spaces else group
        border = by_signs and spaces > 0 and after + 1 < end and _parts(src, after + 1, kinds)
        if after == stop or (by_signs and spaces and not border) or (not by_signs and not spaces):
            break
        at = after
    enough = longest >= _letters_min(script, by_signs, bold) and steps < letters - 1
    return (last if enough else first), by_signs


@kernel
def _sign_end(src: NDArray[np.int32], at: int, end: int, script: int, kinds: NDArray[np.uint32]) -> int:
    """Give the end of a letter and, in scripts without spaces, of the marks on it and the vowel that ends with them."""
    at += 1
    while script == _WORDLESS and at < end and kind_of(src[at], kinds) & MARK:
        at += 1
    return at + 1 if at < end and src[at - 1] in _AM and src[at] - src[at - 1] == _AM_TAIL else at


@kernel
def _letters_min(script: int, by_signs: bool, bold: int) -> int:
    if script == _WORDLESS:
        return _BOLD_MIN if bold & SPREAD else _UNSPACED_MIN
    return _BOLD_MIN if by_signs and bold & SPELLED else _SPELLED_MIN


@kernel
def _parts(src: NDArray[np.int32], at: int, kinds: NDArray[np.uint32]) -> bool:
    return kind_of(src[at], kinds) & SEPARATOR > 0


@kernel
def _separation(src: NDArray[np.int32], at: int, end: int, kinds: NDArray[np.uint32]) -> tuple[int, int]:
    """Give the end of what parts two letters here, and how many spaces are in it; in " -x" nothing does."""
    spaces, first = 0, at
    while at < end and at - first < _SEPARATION_MAX:
        if src[at] <= _SPACE:
            spaces += 1
        elif not kind_of(src[at], kinds) & SEPARATOR:
            break
        at += 1
    return (first if spaces and src[at - 1] > _SPACE else at), spaces


@kernel
def _join(src: NDArray[np.int32], at: int, last: int, by_signs: bool, kinds: NDArray[np.uint32]) -> int:
    """Write the letters of a spelled word one after another, its words parted where they were; give its new end."""
    to, border = at, False
    for i in range(at, last):
        point = src[i]
        if kind_of(point, kinds) & _WORD:
            if border:
                src[to] = _SPACE
                to += 1
            src[to] = point
            to, border = to + 1, False
        else:
            border |= point <= _SPACE if by_signs else point == WIDE
    return to


@kernel
def _mend_words(
    src: NDArray[np.int32], at: int, stop: int, bold: int, kinds: NDArray[np.uint32], dst: NDArray[np.int32], to: int
) -> tuple[int, int]:
    first, start, code, read = to, at, 0, 0
    for i in range(at, stop):
        code |= kind_of(src[i], kinds) & CODE
    while at < stop:
        word, end, seen = kind_of(src[at], kinds) & _WORD > 0, at, 0
        while end < stop and (kind_of(src[end], kinds) & _WORD > 0) == word:
            seen |= kind_of(src[end], kinds)
            end += 1
        if seen & LETTER and seen & (DIGIT | SIGN) and not code:
            if unleet(src, at, end, bold & LEET > 0):
                read += _READ
            elif not bold & LEET and may_be_leet(src, at, end):
                read += _WEAK
        to = _shorten(src, at, end, kinds, dst, to)
        at = end
    return to, read + (to - first != stop - start)


@kernel
def _shorten(
    src: NDArray[np.int32], at: int, stop: int, kinds: NDArray[np.uint32], dst: NDArray[np.int32], to: int
) -> int:
    """Copy with at most two equal letters in a row (three if there is nothing else), two points, one of other signs."""
    last, same, letters_max = -1, 0, _EQUAL_ONLY_MAX if _is_one_letter(src, at, stop) else _EQUAL_MAX
    for i in range(at, stop):
        point = wide(src[i])
        kind = kind_of(point, kinds)
        same = same + 1 if point == last else 1
        last = point
        most = letters_max if kind & LETTER else (_EQUAL_MAX if point == _POINT else 1)
        if same <= most or kind & (DIGIT | MARK):
            dst[to] = point
            to += 1
    return to


@kernel
def _is_one_letter(src: NDArray[np.int32], at: int, stop: int) -> bool:
    for i in range(at + 1, stop):  # noqa: SIM110  # kernels have no all()
        if src[i] != src[at]:
            return False
    return True
