"""The sheet on which one text is laid out to be searched, and the list of what is found."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from detector.contract.jit import kernel, part
from features.hashing import hash_bytes
from features.text.contact_words import NAMES, number

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ContactKind(IntEnum):
    """What a contact is."""

    PHONE = 0
    EMAIL = 1
    HANDLE = 2
    """A handle on no named messenger."""
    MESSENGER = 3
    """A handle on a named messenger."""
    LINK = 4
    HINT = 5
    """A messenger is named, but no handle there: no one's contact, so no entity."""


NONE: Final = number(0)
PHONE, EMAIL, HANDLE, MESSENGER, LINK, HINT = (number(kind) for kind in ContactKind)

PER_TEXT: Final = 8
"""At most so many contacts are read from a text."""
FORM_MAX: Final = 128
"""Bytes of the longest normal form; what is longer is cut."""
SPELLED_DOT: Final = number(1)
SPELLED_AT: Final = number(2)
"""Codes of a dot and an @ that were hidden."""
_POINT: Final = 46
_NAME_BYTES: Final = np.frombuffer("".join(NAMES).encode(), np.uint8)
_NAME_STARTS: Final = np.cumsum([0, *(len(name) for name in NAMES)])
_DIGITS_KEPT: Final = 64

WORD, LETTER, DIGIT, LABEL, LOCAL, NAME, SPACE, WIDE, ENDS_URL, TRAILS, LEADS, JOINS = (
    number(1 << bit) for bit in range(12)
)
"""Classes of codes: letters and digits, a-z, 0-9, then what may stand in a host's label, in front of the @ of an e-mail
address, and in a handle; white space, and letters beyond ASCII; what no web address holds, what it does not end with,
what may stand in front of a name in it, and what may stand between the digits of a telephone number."""


def _classes() -> NDArray[np.uint16]:
    letters, digits = b"abcdefghijklmnopqrstuvwxyz", b"0123456789"
    members = {
        WORD: letters + digits + bytes(range(128, 255)),
        LETTER: letters,
        DIGIT: digits,
        LABEL: letters + digits + b"-",
        LOCAL: letters + digits + b"._+-",
        NAME: letters + digits + b"._",
        SPACE: b" ",
        WIDE: bytes(range(128, 255)),
        ENDS_URL: bytes(range(33)) + b'<>"',
        TRAILS: b".,!?;:')]}*",
        LEADS: b"/@$+",
        JOINS: b" -.()/_*~+[]",
    }
    return np.array([sum(bit for bit, held in members.items() if code in held) for code in range(256)], np.uint16)


CLASS: Final = _classes()


class Sheet(NamedTuple):
    """Arrays that hold one text as codes (see `contact_signs`), its words, and marks; used again for each text."""

    codes: NDArray[np.uint8]
    at: NDArray[np.int64]
    """For each code the byte of the text where it begins; one more for the end."""
    used: NDArray[np.uint8]
    """1 where a contact has been read."""
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    """Where each word begins and ends among the codes."""
    flags: NDArray[np.uint32]
    """What each word means (see `contact_words`)."""
    digits: NDArray[np.uint8]
    groups: NDArray[np.int64]
    """The telephone number being read: its digits, and how many came in each word."""
    form: NDArray[np.uint8]
    """The normal form being written."""

    @classmethod
    def of(cls, longest: int) -> Sheet:
        """Make a sheet for texts of up to ``longest`` bytes."""
        room = longest + 8
        places = [np.empty(room, np.int64) for _ in range(3)]
        return cls(
            np.zeros(room, np.uint8),
            places[0],
            np.zeros(room, np.uint8),
            places[1],
            places[2],
            np.empty(room, np.uint32),
            np.empty(_DIGITS_KEPT, np.uint8),
            np.empty(_DIGITS_KEPT, np.int64),
            np.empty(2 * FORM_MAX, np.uint8),
        )


class Found(NamedTuple):
    """Arrays into which contacts are written, one after another."""

    row: NDArray[np.int64]
    kind: NDArray[np.uint8]
    key: NDArray[np.uint64]
    place: NDArray[np.int32]
    stop: NDArray[np.int32]
    values: NDArray[np.uint8]
    ends: NDArray[np.int64]
    """Where each value ends in values; one more in front."""
    counts: NDArray[np.int64]
    """How many there are, where the text being read begins among them, and its row."""

    @classmethod
    def of(cls, texts: int) -> Found:
        """Make room for what so many texts can hold."""
        room = texts * PER_TEXT
        return cls(
            np.empty(room, np.int64),
            np.empty(room, np.uint8),
            np.empty(room, np.uint64),
            np.empty(room, np.int32),
            np.empty(room, np.int32),
            np.empty(room * FORM_MAX, np.uint8),
            np.zeros(room + 1, np.int64),
            np.zeros(3, np.int64),
        )


@part
def is_in(code: int, kind: int) -> bool:
    """Tell whether a code is of a class."""
    return bool(CLASS[code] & kind)


@kernel
def is_full(found: Found) -> bool:
    """Tell whether the text being read has as many contacts as are read."""
    return bool(found.counts[0] - found.counts[1] >= PER_TEXT)


@kernel
def put(found: Found, sheet: Sheet, kind: int, start: int, end: int, length: int, key_from: int) -> None:
    """Add a contact between two codes, its normal form in ``sheet.form``, its key from a part of that on.

    What the text being read has already is not added again. All its codes are marked as used.
    """
    for i in range(start, end):
        sheet.used[i] = 1
    length = min(length, FORM_MAX)
    key = hash_bytes(sheet.form, min(key_from, length), length)
    if is_full(found):
        return
    n = found.counts[0]
    for other in range(found.counts[1], n):
        if found.key[other] == key and found.kind[other] == kind:
            return
    found.row[n], found.kind[n], found.key[n] = found.counts[2], kind, key
    found.place[n], found.stop[n] = sheet.at[start], sheet.at[end - 1] + 1
    base = found.ends[n]
    for i in range(length):
        found.values[base + i] = sheet.form[i]
    found.ends[n + 1] = base + length
    found.counts[0] = n + 1


@kernel
def write_codes(sheet: Sheet, length: int, start: int, end: int) -> int:
    """Write codes behind the normal form so far, spelled dots as such; give its new length."""
    for i in range(start, end):
        if length < FORM_MAX:
            sheet.form[length] = _POINT if sheet.codes[i] == SPELLED_DOT else sheet.codes[i]
            length += 1
    return length


@kernel
def write_name(sheet: Sheet, name: int) -> int:
    """Begin the normal form with a messenger's name; give its length."""
    length = NONE
    for i in range(_NAME_STARTS[name], _NAME_STARTS[name + 1]):
        sheet.form[length] = _NAME_BYTES[i]
        length += 1
    return length
