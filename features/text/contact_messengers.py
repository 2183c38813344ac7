"""Handles on a sheet: on a messenger that is named, or after an @."""

from __future__ import annotations

from typing import Final

import numpy as np

from detector.contract.jit import kernel
from features.text.contact_handles import (
    BESIDE,
    BOUND,
    HANDLE_MAX,
    HANDLE_MIN,
    INVITE_WORDS,
    NOTHING,
    SIGNED,
    Candidate,
    handle_end,
    has_letter,
    invites,
    is_handle,
    is_made_up,
)
from features.text.contact_sheet import (
    HANDLE,
    HINT,
    MESSENGER,
    NONE,
    SPACE,
    WIDE,
    WORD,
    Found,
    Sheet,
    is_in,
    put,
    write_codes,
    write_name,
)
from features.text.contact_sheet import NAME as HANDLE_CODES
from features.text.contact_words import (
    FILLER,
    FNV_START,
    NAME,
    ON,
    PLAIN,
    SQUASHED,
    STOP,
    VAGUE,
    WORD_BITS,
    WORDS,
    grown,
    looked_up,
    number,
    whole,
)
from features.text.contact_words import LABEL as LABEL_WORD

_COLON, _EQUALS, _MORE, _AT_SIGN, _DOLLAR, _HASH, _POINT, _MINUS, _UNDERSCORE, _COMMA = b":=>@$#.-_,"
_PARTS: Final = tuple(number(code) for code in b".,?!;|")
_JOINED_MAX: Final = 5
"""A name may be cut into so many words: "what s app"."""
_PIECE_MAX: Final = 3
_LETTERS_MAX: Final = 12
_STEPS_MAX: Final = 8
_WORD_KEYS, _WORD_FLAGS = WORDS


@kernel
def _name_at(sheet: Sheet, word: int, words: int) -> tuple[int, int]:
    """Give the flags of the messenger's name that begins with a word, and its last word; 0 if none does."""
    h, last, letters = FNV_START, np.uint8(0), 0
    for at in range(word, min(words, word + _JOINED_MAX)):
        size = sheet.ends[at] - sheet.starts[at]
        gap = sheet.starts[at] - sheet.ends[at - 1] if at > word else 1
        letters += size
        short = size <= _PIECE_MAX or at <= word + 1
        if gap > 2 or letters > _LETTERS_MAX or not short or sheet.used[sheet.starts[at]]:
            break
        for i in range(sheet.starts[at], sheet.ends[at]):
            code = SQUASHED[sheet.codes[i]]
            h = h if code == last else grown(h, code)
            last = code
        flags = looked_up(_WORD_KEYS, _WORD_FLAGS, WORD_BITS, h) if at > word and letters > _PIECE_MAX else 0
        if flags & NAME:
            return flags | _vague_pair(sheet, word, at), at
    flags = whole(sheet.flags[word])
    return (flags if flags & NAME else 0), word


@kernel
def _vague_pair(sheet: Sheet, word: int, at: int) -> int:
    """Give `VAGUE` if a name in two words is rather two words: "we chat", "on line"."""
    return VAGUE if at == word + 1 and sheet.flags[word] & STOP and sheet.flags[at] & STOP else 0


@kernel
def _word_from(sheet: Sheet, word: int, words: int, i: int) -> int:
    """Give the first word that begins here or later."""
    while word < words and sheet.starts[word] < i:
        word += 1
    return word


@kernel
def _candidate_after(sheet: Sheet, last: int, words: int, n: int) -> Candidate:
    """Find what may be the handle behind a name, past signs and words that lead to one."""
    i, tie, labelled, word = sheet.ends[last], NOTHING, last < 0, last + 1
    for _ in range(_STEPS_MAX):
        while i < n and is_in(sheet.codes[i], SPACE):
            i += 1
        if i >= n:
            break
        code = sheet.codes[i]
        if is_in(code, WORD):
            word = _word_from(sheet, word, words, i)
            flags = whole(sheet.flags[word]) if word < words and sheet.starts[word] == i else 0
            alone = word < words and not (sheet.ends[word] < n and sheet.codes[sheet.ends[word]] == _UNDERSCORE)
            if not flags & (LABEL_WORD | FILLER) or not alone:
                break
            tie, labelled = max(tie, BOUND if flags & LABEL_WORD else BESIDE), labelled or flags & LABEL_WORD != 0
            i = sheet.ends[word]
        else:
            step = _tie_of(code)
            if step < 0:
                return Candidate(i, i, tie, labelled, word)
            if step == NOTHING and code == _UNDERSCORE:
                break
            tie, i = max(tie, step), i + 1
    return Candidate(i, handle_end(sheet, i, n), tie, labelled, word)


@kernel
def _tie_of(code: int) -> int:
    """Say how firmly a sign ties a handle to a name; -1 if it parts them."""
    if code in (_AT_SIGN, _DOLLAR):
        return SIGNED
    if code in (_COLON, _EQUALS, _MORE):
        return BOUND
    return -1 if code in _PARTS else NOTHING


@kernel
def _candidate_before(sheet: Sheet, first: int) -> Candidate:
    """Find what may be the handle in front of "on" and a name, or of a name in brackets."""
    at = first - 1
    if at < 1 or not sheet.flags[at] & ON:
        return Candidate(NONE, NONE, NOTHING, False, NONE)
    end = sheet.ends[at - 1]
    start = end
    if end - sheet.starts[at - 1] == 4 and end > 4 and sheet.codes[end - 5] == _HASH:
        start = end - 5
    while start > 0 and end - start <= HANDLE_MAX and is_in(sheet.codes[start - 1], HANDLE_CODES):
        start -= 1
    signed = start > 0 and sheet.codes[start - 1] == _AT_SIGN
    return Candidate(start, end, SIGNED if signed else NOTHING, False, at - 1)


@kernel
def _put_handle(sheet: Sheet, found: Found, name: int, begin: int, start: int, end: int, stop: int) -> None:
    """Add a handle, and mark from begin to stop as used."""
    length = NONE
    if name:
        length = write_name(sheet, name)
        sheet.form[length] = _COLON
    else:
        sheet.form[0] = _AT_SIGN
    length = write_codes(sheet, length + 1, start, end)
    put(found, sheet, MESSENGER if name else HANDLE, begin, stop, length, NONE)


@kernel
def find_messengers(sheet: Sheet, found: Found, n: int, words: int) -> None:
    """Read all handles on named messengers of a text."""
    word = NONE
    while word < words:
        flags, last = _name_at(sheet, word, words)
        if not flags & NAME or sheet.used[sheet.starts[word]]:
            word += 1
            continue
        name, begin, stop = flags & NAME, sheet.starts[word], sheet.ends[last]
        after = _candidate_after(sheet, last, words, n)
        before = _candidate_before(sheet, word)
        if is_handle(sheet, after, flags, word, words, n):
            _put_handle(sheet, found, name, begin, after.start, after.end, after.end)
            last = _word_from(sheet, last + 1, words, after.end) - 1
        elif before.end > 0 and _is_told_before(sheet, before):
            _put_handle(sheet, found, name, before.start - (before.tie == SIGNED), before.start, before.end, stop)
        word = last + 1


@kernel
def _is_told_before(sheet: Sheet, c: Candidate) -> bool:
    fits = HANDLE_MIN <= c.end - c.start <= HANDLE_MAX and not sheet.used[c.start]
    told = c.tie == SIGNED or is_made_up(sheet, c.start, c.end)
    return fits and told and has_letter(sheet, c.start, c.end)


@kernel
def find_hints(sheet: Sheet, found: Found, words: int) -> None:
    """Note messengers that are named without a handle; vague names only where someone is asked to write there."""
    word = NONE
    while word < words:
        flags, last = _name_at(sheet, word, words)
        told = not flags & VAGUE or (not flags & PLAIN and invites(sheet, word, INVITE_WORDS))
        if flags & NAME and told and not sheet.used[sheet.starts[word]]:
            name = flags & NAME
            length = write_name(sheet, name)
            put(found, sheet, HINT, sheet.starts[word], sheet.ends[last], length, NONE)
        word = last + 1


@kernel
def find_handles(sheet: Sheet, found: Found, n: int) -> None:
    """Read all handles that only an @ tells of."""
    i = NONE
    while i < n:
        lone = i == 0 or not is_in(sheet.codes[i - 1], WORD | WIDE)
        if sheet.codes[i] == _AT_SIGN and lone and not sheet.used[i]:
            end = i + 1
            while end < n and end - i <= HANDLE_MAX and is_in(sheet.codes[end], HANDLE_CODES):
                end += 1
            while end > i + 1 and sheet.codes[end - 1] == _POINT:
                end -= 1
            if end - i > HANDLE_MIN and has_letter(sheet, i + 1, end):
                _put_handle(sheet, found, NONE, i, i + 1, end, end)
            i = end - 1
        i += 1
