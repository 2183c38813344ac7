"""What a text says about itself, in one pass over its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from detector.contract.jit import inlined, kernel
from features.details import names_messenger, read_address, read_link, read_phone
from features.hashing import SCRATCH_MARGIN, bytes_at, hash_bytes, is_valid, signed, strings_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

LETTER: Final = 1
"""Has a letter beyond ASCII."""
EMOJI: Final = 2
"""Has an emoji or another pictograph."""
HAS_LINK: Final = 4
HAS_CONTACT: Final = 8

EXACT, SHAPE, HOST, CONTACT = range(4)
CHARACTERS, SHAPE_BYTES = range(2)

_EMOJI: Final = (
    *((0x20E3, 0x20E3), (0x231A, 0x231B), (0x23E9, 0x23FA), (0x2600, 0x27BF), (0x2B1B, 0x2B1C), (0x2B50, 0x2B55)),
    *((0xFE0F, 0xFE0F), (0x1F000, 0x1FAFF)),
)
"""Ranges of code points: pictographs, keycaps, and the mark that makes a sign an emoji."""
_KNOWN_POINTS: Final = 0x20000
_LAST_LETTER: Final = 0x3FFFF  # from _KNOWN_POINTS up to here all characters are Chinese


@dataclass(frozen=True, slots=True)
class Texts:
    """Measures of a text column, a row each: what is absent is 0."""

    keys: NDArray[np.uint64]
    """(n, 4): keys of the exact text, its shape, the host of its first link and its first contact detail."""
    sizes: NDArray[np.int32]
    """(n, 2): characters of the text and bytes of its shape."""
    flags: NDArray[np.uint8]
    """(n,): sum of LETTER, EMOJI, HAS_LINK and HAS_CONTACT."""

    @property
    def exact(self) -> NDArray[np.uint64]:
        """Keys of the texts as they are."""
        return self.keys[:, EXACT]

    @property
    def shapes(self) -> NDArray[np.uint64]:
        """Keys of their shapes."""
        return self.keys[:, SHAPE]

    @property
    def hosts(self) -> NDArray[np.uint64]:
        """Keys of the hosts of their first links."""
        return self.keys[:, HOST]

    @property
    def contacts(self) -> NDArray[np.uint64]:
        """Keys of their first contact details in normal form."""
        return self.keys[:, CONTACT]

    @property
    def characters(self) -> NDArray[np.int32]:
        """How many characters they have."""
        return self.sizes[:, CHARACTERS]

    @property
    def shape_bytes(self) -> NDArray[np.int32]:
        """How many bytes their shapes have."""
        return self.sizes[:, SHAPE_BYTES]


def measure(column: pl.Series) -> Texts:
    """Measure every text of a column.

    The shape of a text is what is left of it without digits, signs and white space, in lower case: of ASCII the
    letters only, and every byte beyond. Two texts of one shape differ in decoration alone. (A normaliser that sees
    through disguises takes the place of this rule when there is one.)
    """
    count = len(column)
    found = Texts(np.zeros((count, 4), np.uint64), np.zeros((count, 2), np.int32), np.zeros(count, np.uint8))
    if column.null_count() < count:
        strings = strings_of(column)
        scratch = np.empty(len(strings.data) + SCRATCH_MARGIN, np.uint8)
        _measure(*strings, _KIND_OF, scratch, found.keys, found.sizes, found.flags)
    return found


def _kinds() -> NDArray[np.uint8]:
    points = np.arange(_KNOWN_POINTS, dtype=np.uint32)
    kinds = np.char.isalpha(points.view("<U1")).astype(np.uint8) * np.uint8(LETTER)
    kinds[:128] = 0
    for first, last in _EMOJI:
        kinds[first : last + 1] = EMOJI
    return kinds


class _Needles(NamedTuple):
    masks: NDArray[np.uint64]
    """For each byte the places of needles that allow it."""
    starts: np.uint64
    first: np.uint64
    """What is held before the first byte: a border of a word."""
    links: np.uint64
    addresses: np.uint64
    messengers: np.uint64
    """Ends of the needles of each kind."""


def _needles() -> _Needles:
    """Lay out the sequences of bytes without which there is no link or contact detail, a bit for each byte of them.

    The kernel's word has a bit set where the bytes read last are a needle's up to there; a bit at a needle's end is a
    hit. What is hit is looked at closely, so that a needle may find too much but never too little.
    """
    letters = [bytes([c, c - 32]) for c in b"abcdefghijklmnopqrstuvwxyz"]
    plain = b"".join(letters) + b"0123456789"
    spelled = {chr(97 + i): both for i, both in enumerate(letters)}
    no_word = bytes(b for b in range(256) if b not in plain + b"_")
    words = ("teleg", "wecha", "viber", "hango", "skype")
    messengers = [[spelled[c] for c in word] for word in words]
    messengers += [[no_word, *(spelled[c] for c in word)] for word in ("kik", "snap", "insta")]
    messengers += [[*(spelled[c] for c in "whats"), b"aA\t\n\f\r ", b"pPaA"], [b"tT", b".", b"mM", b"eE"]]
    addresses = [[b"@"]]
    links = [[b":", b"/", b"/"], [b"wW", b"wW", b"wW", b"."], [plain + b"-", b".", plain]]
    masks, starts, first, bit = np.zeros(256, np.uint64), 0, 0, 0
    ends = [0, 0, 0]
    for part, needles in enumerate((links, addresses, messengers)):
        for needle in needles:
            starts |= 1 << bit
            first |= (needle[0] == no_word) << bit
            for place, allowed in enumerate(needle):
                masks[list(allowed)] |= np.uint64(1 << bit + place)
            bit += len(needle)
            ends[part] |= 1 << bit - 1
    assert bit <= 64, "needles must fit a word"
    return _Needles(masks, *(np.uint64(each) for each in (starts, first, *ends)))


_KIND_OF: Final = _kinds()
_MASKS, _STARTS, _FIRST, _LINKS, _ADDRESSES, _MESSENGERS = _needles()
_LOWERED: Final = np.array(
    [b | 32 if 65 <= b <= 90 else b if 97 <= b <= 122 or b >= 128 else 0 for b in range(256)], np.uint8
)
_DIGIT: Final = 1 << 32
_COUNTS: Final = np.array([(b & 0xC0 != 0x80) + (48 <= b <= 57) * _DIGIT for b in range(256)], np.int64)
_ONE: Final = np.uint64(1)


@inlined
def _scan(text: NDArray[np.uint8], start: int, end: int, scratch: NDArray[np.uint8]) -> tuple[np.uint64, int, int, int]:
    """Give the needles hit, all bytes or-ed, how many characters and digits, and the bytes of the shape."""
    hits, state, seen, counts, kept = np.uint64(0), _FIRST, np.uint8(0), 0, np.uint64(0)
    for at in range(np.uint64(start), np.uint64(end)):
        byte = text[at]
        state = ((state << _ONE) | _STARTS) & _MASKS[byte]
        hits |= state
        seen |= byte
        counts += _COUNTS[byte]
        lowered = _LOWERED[byte]
        scratch[kept] = lowered
        kept += np.uint64(lowered != 0)
    return hits, signed(seen), counts, signed(kept)


@kernel
def _contact(
    hits: np.uint64, has_digits: bool, text: NDArray[np.uint8], start: int, end: int, scratch: NDArray[np.uint8]
) -> tuple[bool, np.uint64]:
    """Say whether a text has a contact detail, and give the key of the first address or number."""
    address, key, place = False, np.uint64(0), end
    if hits & _ADDRESSES:
        address, key, place = read_address(text, start, end, scratch)
    phone = False
    if has_digits:
        phone, phone_key, phone_place = read_phone(text, start, end, scratch)
        if phone_key != 0 and (key == 0 or phone_place < place):
            key = phone_key
    found = address or phone
    return found or (hits & _MESSENGERS != 0 and names_messenger(text, start, end)), key


@kernel
def _kinds_in(text: NDArray[np.uint8], start: int, end: int, kinds: NDArray[np.uint8]) -> int:
    found, at = 0, start
    while at < end:
        lead = signed(text[at])
        if lead < 0xC0:
            at += 1
        elif lead < 0xE0:
            found |= kinds[((lead & 31) << 6) | (text[at + 1] & 63)]
            at += 2
        elif lead < 0xF0:
            found |= kinds[((lead & 15) << 12) | ((text[at + 1] & 63) << 6) | (text[at + 2] & 63)]
            at += 3
        else:
            point = ((lead & 7) << 18) | ((text[at + 1] & 63) << 12) | ((text[at + 2] & 63) << 6) | (text[at + 3] & 63)
            found |= kinds[point] if point < _KNOWN_POINTS else (LETTER if point <= _LAST_LETTER else 0)
            at += 4
    return found


@kernel
def _measure(
    views: NDArray[np.uint8],
    data: NDArray[np.uint8],
    valid: NDArray[np.uint8],
    first: int,
    kinds: NDArray[np.uint8],
    scratch: NDArray[np.uint8],
    keys: NDArray[np.uint64],
    sizes: NDArray[np.int32],
    flags: NDArray[np.uint8],
) -> None:
    for row in range(flags.shape[0]):
        if not is_valid(valid, first + row):
            continue
        text, start, end = bytes_at(views, data, first + row)
        hits, seen, counts, kept = _scan(text, start, end, scratch)
        keys[row, EXACT] = hash_bytes(text, start, end)
        if kept > 0:
            keys[row, SHAPE] = hash_bytes(scratch, 0, kept)
        sizes[row, CHARACTERS], sizes[row, SHAPE_BYTES] = counts & (_DIGIT - 1), kept
        held = _kinds_in(text, start, end, kinds) if seen >= 128 else 0
        if hits & _LINKS:
            found, keys[row, HOST] = read_link(text, start, end, scratch)
            held |= HAS_LINK if found else 0
        if hits & (_ADDRESSES | _MESSENGERS) or counts >= 2 * _DIGIT:
            found, keys[row, CONTACT] = _contact(hits, counts >= 2 * _DIGIT, text, start, end, scratch)
            held |= HAS_CONTACT if found else 0
        flags[row] = held
