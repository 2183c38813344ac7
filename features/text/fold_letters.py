"""The letters of a text in their plain form: NFKC in lower case, without decoration, each word in one script.

A word of several scripts becomes Cyrillic if some letter is surely Cyrillic and every Latin one has a Cyrillic
double, else Latin if every foreign letter has a Latin double; a word of two real parts (a Latin and a Russian one)
stays. A word made of doubles alone (copy in Cyrillic letters) becomes Latin if the text has more Latin words and no
word that is surely foreign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from detector.contract.jit import kernel, part
from features.text.fold_points import kind_of, wide
from features.text.fold_tables import (
    ALPHA,
    COMPOSES,
    DECORATION,
    DIGIT,
    DROP,
    FOREIGN,
    HARD,
    LATIN,
    LETTER,
    LONG,
    MARK,
    OTHER,
    SIGN,
    SPACE,
    STIFF,
    UNSPACED,
    WEAK,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MELTS, CHANGED = 1, 2
"""What is said of a row: it has characters that may melt together; it may change again if spelled anew."""
_REAL, _LOOKALIKE, _WORD = 4, 8, 16
"""Of a word: it is surely foreign; made of doubles; Latin. Of a row: such words are there; at least half are Latin."""
WIDE: Final = 1
"""Stands for white space of more than one character, between the words of a text being folded."""

_AS_IS, _TO_LATIN, _TO_CYRILLIC = range(3)
_PLAIN: Final = LETTER | LATIN | STIFF | ALPHA | DIGIT | SIGN
_MARKS_MAX: Final = 4
"""No script sets more than four marks on a letter."""
_DECORATIONS_MAX: Final = 3
"""Polytonic Greek has three marks on a letter, more are no spelling."""
_PART_MIN: Final = 3
_AM: Final = (0xE33, 0xEB3)
_SPELLED: Final = (0xE00, 0xF00)  # Thai and Lao, whose marks are spelled as letters are
_FINAL_SIGMA, _SIGMA, _CAPITAL_SIGMA = 0x3C2, 0x3C3, 0x3A3
_COMPATIBLE: Final = (0x2F800, 0x2FA20)  # Chinese characters that melt into others though they stand alone


@kernel
def spell(
    src: NDArray[np.int32],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    maps: NDArray[np.int32],
    tails: NDArray[np.int32],
    kinds: NDArray[np.uint32],
    doubles: NDArray[np.int32],
    dst: NDArray[np.int32],
    out_begins: NDArray[np.int64],
    out_ends: NDArray[np.int64],
    flags: NDArray[np.int64],
) -> None:
    """Write the plain form of every row, with one space or WIDE between what white space parts."""
    to = 0
    for row in range(begins.shape[0]):
        first = to
        to, flag = _spell_row(src, begins[row], ends[row], maps, tails, kinds, doubles, _AS_IS, dst, first)
        if flag & (_LOOKALIKE | _REAL | _WORD) == _LOOKALIKE | _WORD:
            to, flag = _spell_row(src, begins[row], ends[row], maps, tails, kinds, doubles, _TO_LATIN, dst, first)
            flag |= CHANGED
        out_begins[row], out_ends[row], flags[row] = first, to, flag & (MELTS | CHANGED)


@kernel
def _spell_row(
    src: NDArray[np.int32],
    at: int,
    end: int,
    maps: NDArray[np.int32],
    tails: NDArray[np.int32],
    kinds: NDArray[np.uint32],
    doubles: NDArray[np.int32],
    lookalikes: int,
    dst: NDArray[np.int32],
    to: int,
) -> tuple[int, int]:
    first, flags, gap, latin, balance = to, 0, 0, 0, 0
    while at < end:
        kind = kind_of(src[at], kinds)
        if kind & SPACE:
            gap += 1
        elif kind & MARK and _SPELLED[0] <= src[at] < _SPELLED[1]:
            to, gap = _set_on(src[at], gap, first, kinds, dst, to)
        elif not kind & (DROP | MARK | DECORATION):
            if src[at] in _AM and to > first and kind_of(dst[to - 1], kinds) & (UNSPACED | MARK):
                gap = 0  # no word begins with it
            if gap and to > first:
                dst[to] = 32 if gap == 1 else WIDE
                to += 1
            gap = 0
            if kind & LETTER:
                stop, seen = _word_end(src, at, end, kinds)
                to, said = _write_word(src, at, stop, seen, maps, tails, kinds, doubles, lookalikes, dst, to)
                flags |= said & ~_WORD
                latin |= said & _WORD
                balance += (said & _WORD > 0) - (said & _LOOKALIKE > 0)
                at = stop
                continue
            to = _write_form(src[at], maps, tails, dst, to)
            flags |= CHANGED if kind & LONG else 0
        at += 1
    return to, flags | (_WORD if latin and balance >= 0 else 0)


@part
def _set_on(
    point: int, gap: int, first: int, kinds: NDArray[np.uint32], dst: NDArray[np.int32], to: int
) -> tuple[int, int]:
    """Set a mark that was parted from its letter on it, and take what parted them out; a third mark is left out."""
    at = to if gap else to - 1  # else in place of a sign
    if at <= first or (not gap and kind_of(dst[at], kinds) & (LETTER | MARK)):
        return to, gap
    before = kind_of(dst[at - 1], kinds)
    if not before & UNSPACED and not (before & MARK and at > first + 1 and kind_of(dst[at - 2], kinds) & UNSPACED):
        return to, gap
    dst[at] = point
    return at + 1, 0


@part
def _word_end(src: NDArray[np.int32], at: int, end: int, kinds: NDArray[np.uint32]) -> tuple[int, int]:
    seen = 0
    while at < end:
        kind = kind_of(src[at], kinds)
        if not kind & (LETTER | MARK | DECORATION | DROP | DIGIT | SIGN):
            break
        seen |= kind
        at += 1
    return at, seen


@part
def _write_form(point: int, maps: NDArray[np.int32], tails: NDArray[np.int32], dst: NDArray[np.int32], to: int) -> int:
    form = maps[point] if point < maps.shape[0] else point
    if form >= 0:
        dst[to] = form
        return to + 1
    for i in range(tails[-form]):
        dst[to + i] = tails[1 - form + i]
    return to + wide(tails[-form])


@kernel
def _write_word(
    src: NDArray[np.int32],
    at: int,
    stop: int,
    seen: int,
    maps: NDArray[np.int32],
    tails: NDArray[np.int32],
    kinds: NDArray[np.uint32],
    doubles: NDArray[np.int32],
    lookalikes: int,
    dst: NDArray[np.int32],
    to: int,
) -> tuple[int, int]:
    if not seen & ~_PLAIN:
        for i in range(at, stop):
            dst[to] = maps[src[i]]
            to += 1
        return to, _WORD if seen & LATIN else 0
    script, flags = _script(src, at, stop, seen, kinds)
    if flags & _LOOKALIKE and lookalikes:
        script = _TO_LATIN
    to, melts = _write_hard(src, at, stop, script, maps, tails, kinds, doubles, dst, to)
    return to, flags | melts | (CHANGED if script or seen & LONG else 0)


@kernel
def _script(src: NDArray[np.int32], at: int, stop: int, seen: int, kinds: NDArray[np.uint32]) -> tuple[int, int]:
    """Choose the script of a word, and tell what it says of the text."""
    if not seen & FOREIGN:
        return _AS_IS, _WORD if seen & LATIN else 0
    if not seen & LATIN:
        return _AS_IS, _REAL if seen & (HARD | WEAK) else _LOOKALIKE
    if seen & (HARD | WEAK) and not seen & (OTHER | STIFF):
        return _TO_CYRILLIC, _REAL
    if seen & HARD or _has_two_parts(src, at, stop, kinds):
        return _AS_IS, _REAL
    return _TO_LATIN, _WORD


@kernel
def _has_two_parts(src: NDArray[np.int32], at: int, stop: int, kinds: NDArray[np.uint32]) -> bool:
    """Tell whether a word is a Latin and a foreign word put together, not letters of both mixed."""
    parts, latin, foreign, weak, before = 0, 0, 0, 0, 0
    for i in range(at, stop):
        kind = kind_of(src[i], kinds)
        if kind & ALPHA:
            weak |= kind & WEAK
            parts += (kind & LATIN) != before or latin + foreign == 0
            before = kind & LATIN
            latin += before > 0
            foreign += before == 0
    return parts == 2 and latin >= _PART_MIN and foreign >= _PART_MIN and weak > 0


@kernel
def _write_hard(
    src: NDArray[np.int32],
    at: int,
    stop: int,
    script: int,
    maps: NDArray[np.int32],
    tails: NDArray[np.int32],
    kinds: NDArray[np.uint32],
    doubles: NDArray[np.int32],
    dst: NDArray[np.int32],
    to: int,
) -> tuple[int, int]:
    first, flags, base, marks, kept = to, 0, 0, 0, False
    for i in range(at, stop):
        point = src[i]
        kind = kind_of(point, kinds)
        if kind & DROP:
            continue
        flags |= MELTS if kind & COMPOSES or _COMPATIBLE[0] <= point < _COMPATIBLE[1] else 0
        if kind & (DECORATION | MARK):
            marks += 1
            if kept if kind & DECORATION else (base & (LETTER | ALPHA) == LETTER and marks <= _MARKS_MAX):
                dst[to] = point
                to += 1
            continue
        base, marks = kind, 0
        kept = script == _AS_IS and kind & ALPHA > 0 and _decorations(src, i + 1, stop, kinds) <= _DECORATIONS_MAX
        if (script == _TO_LATIN and kind & FOREIGN) or (script == _TO_CYRILLIC and kind & LATIN):
            dst[to] = doubles[point]
            to += 1
        elif point == _CAPITAL_SIGMA:
            last = to > first and not _letters_follow(src, i + 1, stop, kinds)
            dst[to] = _FINAL_SIGMA if last else _SIGMA
            to += 1
        else:
            to = _write_form(point, maps, tails, dst, to)
    return to, flags


@kernel
def _decorations(src: NDArray[np.int32], at: int, stop: int, kinds: NDArray[np.uint32]) -> int:
    """Count the decorations of a letter, as far as it matters."""
    count = 0
    while at < stop and count <= _DECORATIONS_MAX:
        kind = kind_of(src[at], kinds)
        if not kind & (DECORATION | DROP | MARK):
            break
        count += kind & DECORATION > 0
        at += 1
    return count


@kernel
def _letters_follow(src: NDArray[np.int32], at: int, stop: int, kinds: NDArray[np.uint32]) -> bool:
    for i in range(at, stop):
        kind = kind_of(src[i], kinds)
        if kind & LETTER and not kind & (DROP | MARK | DECORATION):
            return True
    return False
