"""What looks like a handle, and what ties it to a messenger's name."""

from __future__ import annotations

from typing import Final, NamedTuple

from detector.contract.jit import kernel
from features.text.contact_sheet import DIGIT, LABEL, LETTER, SPACE, WORD, Sheet, is_in
from features.text.contact_sheet import NAME as HANDLE_CODES
from features.text.contact_spelling import past
from features.text.contact_words import DIGIT as SPOKEN
from features.text.contact_words import INVITE, NAME, NAMES, ON, PLAIN, STOP, VAGUE, number, whole

_HASH, _POINT, _MINUS, _UNDERSCORE = b"#.-_"
HANDLE_MIN, HANDLE_MAX = 3, 32
_PLAIN_MIN: Final = 4
INVITE_WORDS: Final = number(6)
"""So many words before a messenger's name may ask to write there."""
_CLOSE: Final = number(3)
_NUMERIC_MIN, _NUMERIC_MAX = 5, 12  # QQ
_NUMBERED: Final = tuple(NAMES.index(name) for name in ("qq", "wechat", "line"))

NOTHING, BESIDE, BOUND, SIGNED = (number(each) for each in range(4))
"""How firmly a candidate is tied to a messenger's name: by words at most, by ":" or "id", by "@" or "$"."""


class Candidate(NamedTuple):
    """What may be a handle."""

    start: int
    end: int
    tie: int
    labelled: bool
    word: int
    """The word it begins with."""


@kernel
def handle_end(sheet: Sheet, i: int, n: int) -> int:
    """Give the end of the handle that begins here, with a number such as #1234 behind it."""
    end = i
    while end < n and end - i <= HANDLE_MAX and (is_in(sheet.codes[end], HANDLE_CODES | LABEL)):
        end += 1
    while end > i and (sheet.codes[end - 1] == _POINT or sheet.codes[end - 1] == _MINUS):
        end -= 1
    if end + 4 < n and sheet.codes[end] == _HASH and past(sheet, end + 1, end + 5, DIGIT) == end + 5:
        return end + 5
    return end


@kernel
def is_made_up(sheet: Sheet, start: int, end: int) -> bool:
    """Tell whether letters and other codes are mixed as in no word, the first of them a letter."""
    letters, others, inner = 0, 0, 0
    for i in range(start, end):
        letters += is_in(sheet.codes[i], LETTER)
        others += is_in(sheet.codes[i], DIGIT) or sheet.codes[i] == _HASH or sheet.codes[i] == _UNDERSCORE
        inner += sheet.codes[i] == _UNDERSCORE or sheet.codes[i] == _HASH
    first = is_in(sheet.codes[start], LETTER) or inner > 0
    return letters > 1 and others > 0 and first


@kernel
def has_letter(sheet: Sheet, start: int, end: int) -> bool:
    """Tell whether a letter from a to z is among some codes."""
    letters = 0
    for i in range(start, end):
        letters += is_in(sheet.codes[i], LETTER)
    return letters > 0


@kernel
def _ends_saying(sheet: Sheet, end: int, n: int) -> bool:
    """Tell whether a sentence ends here: not a space and one more word."""
    i = end
    while i < n and is_in(sheet.codes[i], SPACE):
        i += 1
    return i >= n or not is_in(sheet.codes[i], WORD)


@kernel
def is_handle(sheet: Sheet, c: Candidate, name: int, first: int, words: int, n: int) -> bool:
    """Tell whether a candidate is a handle, by how it looks and what ties it to the name."""
    size = c.end - c.start
    if size < HANDLE_MIN or size > HANDLE_MAX + 5 or sheet.used[c.start]:
        return False
    is_word = c.word < words and sheet.starts[c.word] == c.start and sheet.ends[c.word] == c.end
    flags = whole(sheet.flags[c.word]) if is_word else 0
    if not has_letter(sheet, c.start, c.end):
        numbered = name & NAME in _NUMBERED and c.tie >= BOUND
        return bool(numbered and _NUMERIC_MIN <= size <= _NUMERIC_MAX)
    if c.tie == SIGNED:
        return True
    return not flags & (STOP | SPOKEN | NAME) and _is_tied(sheet, c, name, first, n)


@kernel
def _is_tied(sheet: Sheet, c: Candidate, name: int, first: int, n: int) -> bool:
    """Tell whether what is no common word belongs to a name, the more vague that is the less easily."""
    made_up, invited = is_made_up(sheet, c.start, c.end), invites(sheet, first, INVITE_WORDS)
    if c.tie == BOUND:
        if name & PLAIN:
            return c.labelled or (invited and first > 0 and sheet.flags[first - 1] & (ON | INVITE) != 0)
        return not name & VAGUE or invited or c.labelled or made_up or _ends_saying(sheet, c.end, n)
    if made_up:
        fits = c.tie == BESIDE or invited or not _has_point(sheet, c.start, c.end)
        return fits and (invited or not name & VAGUE or (c.end == n and not name & PLAIN))
    close = invites(sheet, first, _CLOSE) and not name & PLAIN
    return close and c.end - c.start >= _PLAIN_MIN and _ends_saying(sheet, c.end, n)


@kernel
def _has_point(sheet: Sheet, start: int, end: int) -> bool:
    points = 0
    for i in range(start, end):
        points += sheet.codes[i] == _POINT
    return points > 0


@kernel
def invites(sheet: Sheet, word: int, most: int) -> bool:
    """Tell whether one of the words before says to write elsewhere."""
    flags = 0
    for before in range(word - 1, max(-1, word - 1 - most), -1):
        flags |= whole(sheet.flags[before])
    return flags & INVITE != 0
