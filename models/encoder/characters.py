"""What a BERT tokenizer makes of each character: removed, a space, a sign that stands alone, or part of a word.

A tokenizer cleans, lower-cases and strips accents one character at a time, so its effect on a character can be asked of
it once and kept. They are asked in pages of 256, when a text first has one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from tokenizers.pre_tokenizers import BertPreTokenizer

from detector.contract.jit import inlined, kernel, part
from features.hashing import signed
from features.text.column import TextColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers.normalizers import Normalizer

_PAGE: Final = 256
_LAST: Final = 0x10FFFF
_PAGES: Final = (_LAST + 1) // _PAGE
_SURROGATES: Final = range(0xD800, 0xE000)

SPACE_BYTE: Final = 32
_BEYOND_ASCII: Final = 0x80
_REMOVED, _LETTER, _SIGN, _SPACE, _SEVERAL = range(5)
_ROOM: Final = (0, 0, 2, 0)
"""Spaces that may be written beside a letter, a sign or a space itself."""
_KIND_SHIFT: Final = 40
_LENGTH_SHIFT: Final = 32
_LENGTH_MASK: Final = 0xFF
_CONTENT_MASK: Final = 0xFFFFFFFF


class _Tables(NamedTuple):
    """What kernels read. An entry is a kind from bit 40 on, a length from bit 32 on, and below that the content.

    Of a letter or a sign, length and content are those of its UTF-8, the first byte the lowest. Of what is made of
    several, they are how many entries stand for it, and where.
    """

    slot_of: NDArray[np.int64]
    """(_PAGES,): which row of ``entries`` has a page; -1 if it has not been asked for."""
    entries: NDArray[np.int64]
    """(pages known, _PAGE)."""
    several: NDArray[np.int64]
    """Entries of which a character is made if it is made of several."""


class Characters:
    """The characters of one tokenizer, of which there are as many as texts have had."""

    def __init__(self, normalizer: Normalizer) -> None:
        """Know the first page, in which ASCII is."""
        self._normalizer, self._pre_tokenizer = normalizer, BertPreTokenizer()
        self._kinds: dict[str, int] = {}
        self._slots: dict[bytes, int] = {}
        self._several: list[int] = []
        self._growth = 1
        self._tables = _Tables(np.full(_PAGES, -1), np.zeros((0, _PAGE), np.int64), np.zeros(1, np.int64))
        self._learn([0])

    def words(self, texts: TextColumn) -> TextColumn:
        """Rewrite texts as the words that the tokenizer would split, each followed by one space."""
        self._meet(texts.data)
        out = np.empty(len(texts.data) * self._growth + len(texts) + 1, np.uint8)
        offsets = np.empty(len(texts) + 1, np.int64)
        _write_words(texts.data, texts.offsets, self._tables, out, offsets)
        return TextColumn(out, offsets)

    def _meet(self, data: NDArray[np.uint8]) -> None:
        """Learn the pages that are new."""
        if data.size and data.max() >= _BEYOND_ASCII:
            wanted = np.zeros(_PAGES, np.bool_)
            _mark_unknown(data, self._tables.slot_of, wanted)
            if wanted.any():
                self._learn(np.flatnonzero(wanted).tolist())

    def _learn(self, pages: list[int]) -> None:
        slot_of, rows = self._tables.slot_of.copy(), [self._tables.entries]
        for page in pages:
            entries = np.array([self._entry(point) for point in range(page * _PAGE, (page + 1) * _PAGE)], np.int64)
            slot_of[page] = self._slots.setdefault(entries.tobytes(), len(self._slots))
            if slot_of[page] == sum(map(len, rows)):
                rows.append(entries[None])
        self._tables = _Tables(slot_of, np.concatenate(rows), np.array([*self._several, 0], np.int64))

    def _entry(self, point: int) -> int:
        if point in _SURROGATES:
            return _REMOVED
        character = chr(point)
        made = self._normalizer.normalize_str(character)
        parts = [self._part(part) for part in made]
        room = len(made.encode()) + sum(_ROOM[part >> _KIND_SHIFT] for part in parts)
        self._growth = max(self._growth, -(-room // len(character.encode())))
        if len(parts) <= 1:
            return parts[0] if parts else _REMOVED
        start = len(self._several)
        self._several += parts
        return _SEVERAL << _KIND_SHIFT | len(parts) << _LENGTH_SHIFT | start

    def _part(self, character: str) -> int:
        content = character.encode()
        kind = self._kinds.get(character)
        if kind is None:
            split = self._pre_tokenizer.pre_tokenize_str(f"a{character}a")
            kind = self._kinds[character] = (_LETTER, _SPACE, _SIGN)[len(split) - 1]
        return kind << _KIND_SHIFT | len(content) << _LENGTH_SHIFT | int.from_bytes(content, "little")


@inlined
def _character_at(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Decode the character that begins here; gives it and where the next begins. What is cut off is 0."""
    first = signed(data[at])
    if first < _BEYOND_ASCII:
        return first, at + 1
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if at + size > end:
        return 0, end
    point = first & (0x7F >> size)
    for k in range(1, size):
        point = point << 6 | signed(data[at + k]) & 0x3F
    return min(point, _LAST), at + size


@kernel
def _mark_unknown(data: NDArray[np.uint8], slot_of: NDArray[np.int64], wanted: NDArray[np.bool_]) -> None:
    at, end = 0, data.shape[0]
    while at < end:
        if data[at] < _BEYOND_ASCII:
            at += 1
            continue
        point, at = _character_at(data, at, end)
        wanted[point >> 8] |= slot_of[point >> 8] < 0


@part
def _write(entry: int, out: NDArray[np.uint8], to: int) -> int:
    """Write what stands for a character, and return where the next goes; signs have a space on either side."""
    kind = entry >> _KIND_SHIFT
    if kind != _LETTER and out[to - 1] != SPACE_BYTE:
        out[to] = SPACE_BYTE
        to += 1
    if kind != _SPACE:
        for k in range(entry >> _LENGTH_SHIFT & _LENGTH_MASK):
            out[to] = entry >> 8 * k & 0xFF
            to += 1
    if kind == _SIGN:
        out[to] = SPACE_BYTE
        to += 1
    return to


@kernel
def _write_words(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    tables: _Tables,
    out: NDArray[np.uint8],
    out_offsets: NDArray[np.int64],
) -> None:
    out[0] = SPACE_BYTE
    to = 1
    for row in range(offsets.shape[0] - 1):
        out_offsets[row] = to
        at, end = offsets[row], offsets[row + 1]
        while at < end:
            point, at = _character_at(data, at, end)
            entry = tables.entries[tables.slot_of[point >> 8], point & 0xFF]
            kind = entry >> _KIND_SHIFT
            if kind == _SEVERAL:
                start = entry & _CONTENT_MASK
                for k in range(start, start + (entry >> _LENGTH_SHIFT & _LENGTH_MASK)):
                    to = _write(tables.several[k], out, to)
            elif kind != _REMOVED:
                to = _write(entry, out, to)
        if out[to - 1] != SPACE_BYTE:
            out[to] = SPACE_BYTE
            to += 1
    out_offsets[offsets.shape[0] - 1] = to
