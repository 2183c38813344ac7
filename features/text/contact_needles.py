"""Which texts are worth a closer look: those with a sequence of characters without which there is no contact.

A needle lists for each place which codes it allows. A word of bits has one set where the codes read last are a needle's
up to there (the shift-and algorithm, Baeza-Yates and Gonnet 1992), so all needles are looked for at once. They may find
too much, never too little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel, part
from features.text.contact_sheet import CLASS, DIGIT, LETTER, NONE, SPACE, WIDE, WORD, Sheet
from features.text.contact_signs import lay_out
from features.text.contact_words import SQUASHED, codes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

READ_MAX: Final = 1 << 16
"""Bytes of a text that are read: what is further down, no one reads either, and a text must not hold up the rest."""
_Needle = list[bytes]

_BITS: Final = 64
_NUMBERS_MIN: Final = 7
_APART_MAX: Final = 24
"""Numbers further apart than this are not of one telephone number."""


def _alike(code: int) -> bytes:
    """List the codes that pass for a letter."""
    return bytes(each for each in range(1, 256) if SQUASHED[each] == SQUASHED[code])


def _of(kind: int, also: bytes = b"") -> bytes:
    return bytes(code for code in range(256) if CLASS[code] & kind) + also


_BORDER: Final = bytes(code for code in range(256) if not CLASS[code] & WORD)
_GAP: Final = b" -_.'"


def _spelled(text: str) -> _Needle:
    """Make a needle of letters and what passes for them; < and > are borders, ~ a gap."""
    special = {ord("<"): _BORDER, ord(">"): _BORDER, ord("~"): _GAP}
    return [special.get(code) or _alike(code) for code in codes(text)]


def _all_spelled(texts: str) -> list[_Needle]:
    return [_spelled(text) for text in texts.split()]


_LETTERS, _SPACES = _of(LETTER | WIDE | DIGIT), _of(SPACE)
_SIGNS: Final[list[_Needle]] = [
    [b"@"],
    [_of(WORD), b".", _of(LETTER)],
    [b":", b"/", b"/"],
    [b"([{<", b".@aA", b")]}>"],
    [_SPACES, b".", _SPACES, b"clmornx"],
    [_SPACES, b".", b"clmornx"],
    [_BORDER, _LETTERS, _BORDER, _LETTERS, _BORDER, _LETTERS, _BORDER, _LETTERS],
]
_NEEDLES: Final = [
    *_SIGNS,
    *_all_spelled("<dot> <d0t> <punto> <ponto> <arro elegr <tgr <teleg tele~gr tsap ts~ap wech we~ch weix viber skyp"),
    *_all_spelled(
        "disco dis~co insta> instag <snap <kik> <k~i~k> nlyf ly~fa cashap sh~ap <snp> line~id <line>: <line>>"
    ),
    *_all_spelled("signal faceb ce~boo hangou <icq> kaka zalo tikto venm payp zell reema wickr <imo> fansl botim zang"),
    *_all_spelled("gchat телег тсап вацап вайб инст снап скайп диско точка собак"),
    *_all_spelled("вича <кик> 微信 薇信 威信"),
    [_BORDER, b"itfsvw", b"gbcxz", _BORDER],
    [_alike(ord("t")), b"'", _alike(ord("s")), _GAP, _alike(ord("a"))],
    [_BORDER, b"q", b"q"],
    [_BORDER, b"w", b"sz", b"p"],
    [_BORDER, *(bytes([code]) for code in codes("тг")), _BORDER],
]
_NUMBER_NEEDLES: Final = _all_spelled(
    "zero <oh> cero one uno two three tres four uatr five inco six seis seven siete eight ocho nine nuev "
    "один два три четы семь teen enty doub trip"
)
_WORDS, _NUMBER_WORDS = 6, 2


def _packed(
    needles: Iterable[_Needle], words: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
    """Lay needles into words of bits: the masks of each code (256, words), and where they start and end."""
    masks, starts, ends = np.zeros((256, words), np.uint64), np.zeros(words, np.uint64), np.zeros(words, np.uint64)
    free = [_BITS] * words
    for needle in sorted(needles, key=len, reverse=True):
        word = next((w for w in range(words) if free[w] >= len(needle)), None)
        assert word is not None, f"{words} words do not hold all needles"
        bit = _BITS - free[word]
        for place, allowed in enumerate(needle):
            masks[list(allowed), word] |= np.uint64(1 << bit + place)
        starts[word] |= np.uint64(1 << bit)
        ends[word] |= np.uint64(1 << bit + len(needle) - 1)
        free[word] -= len(needle)
    return masks, starts, ends


def _tables() -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
    contacts, numbers = _packed(_NEEDLES, _WORDS), _packed(_NUMBER_NEEDLES, _NUMBER_WORDS)
    masks, starts, ends = (np.concatenate(both, axis=-1) for both in zip(contacts, numbers, strict=True))
    for capital in range(26):
        masks[65 + capital] = masks[97 + capital]  # bytes are looked at as they are, codes in lower case
    return masks, starts, ends


_MASKS, _STARTS, _ENDS = _tables()
_ALL: Final = _WORDS + _NUMBER_WORDS
_WHITE: Final = np.uint8(32)


@part
def _step(state: NDArray[np.uint64], seen: NDArray[np.uint64], code: np.uint8) -> None:
    for word in range(_ALL):
        state[word] = (state[word] << np.uint64(1) | _STARTS[word]) & _MASKS[code, word]
    for word in range(_WORDS):
        seen[word] |= state[word] & _ENDS[word]


@kernel
def _is_worth(codes_: NDArray[np.uint8], start: int, end: int, state: NDArray[np.uint64]) -> bool:
    """Tell whether codes hold a needle, or enough numbers near each other; state is two rows of words."""
    now, seen = state[0], state[1]
    for word in range(_ALL):
        now[word], seen[word] = (_STARTS[word] & _MASKS[_WHITE, word]), 0
    numbers, last = 0, start
    for i in range(start, end):
        _step(now, seen, codes_[i])
        if 48 <= codes_[i] <= 57 or now[_WORDS] & _ENDS[_WORDS] or now[_WORDS + 1] & _ENDS[_WORDS + 1]:
            numbers = numbers + 1 if i - last <= _APART_MAX else 1
            last = i
            if numbers >= _NUMBERS_MIN:
                return True
    _step(now, seen, _WHITE)
    hits = np.uint64(0)
    for word in range(_WORDS):
        hits |= seen[word]
    return bool(hits != 0)


@kernel
def _is_ascii(data: NDArray[np.uint8], start: int, end: int) -> bool:
    high = np.uint8(0)
    for i in range(start, end):
        high |= data[i]
    return bool(high < 128)


@kernel
def mark_worth(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    table: NDArray[np.uint16],
    sheet: Sheet,
    state: NDArray[np.uint64],
    rows: NDArray[np.int64],
) -> int:
    """Write the rows of the texts that are worth a closer look; give their number."""
    count = 0
    for row in range(len(offsets) - 1):
        start, end = offsets[row], min(offsets[row + 1], offsets[row] + READ_MAX)
        if _is_ascii(data, start, end):
            worth = _is_worth(data, start, end, state)
        else:
            worth = _is_worth(sheet.codes, NONE, lay_out(data, start, end, table, sheet), state)
        rows[count] = row
        count += worth
    return count
