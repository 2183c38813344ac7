"""The fields of a batch as tests and measures read them, each worked out once.

Nothing here goes through polars' query engine, whose fixed cost would rule at batches of 100 events.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from detector.contract.events import EVENT_TYPES
from detector.contract.jit import kernel
from features.details import Details, Tails, find_details, no_details, read_details
from features.hashing import SCRATCH_MARGIN, arrow_of, bytes_at, is_valid, keys, readable, strings_of, word_at
from features.ip_blocks import write_block_keys
from features.text.column import TextColumn
from features.text.contacts import Contacts, find_contacts
from features.text.fold import Normalised, normalise
from features.texts import Texts, measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_SLOTS: Final = 64
_SHIFT: Final = 58
_MULTIPLIER: Final = 0x1715609F7C746C69
_INT32_MAX: Final = 2**31 - 1


class Said(NamedTuple):
    """The texts of the events that have one."""

    rows: NDArray[np.int64]
    """(m,), rising."""
    texts: TextColumn
    """m texts."""


class Fields:
    """The columns of a batch in ``EVENT_SCHEMA``; n is the number of events.

    With ``tails`` contacts are found that began in a message before, of this batch or an earlier one.
    """

    def __init__(self, events: pl.DataFrame, tails: Tails | None = None) -> None:
        self._events, self._tails = events, tails
        self._count = len(events)
        self._columns: dict[str, pl.Series | None] = {}
        self._keys: dict[str, NDArray[np.uint64]] = {}

    def __len__(self) -> int:
        """Return the number of events."""
        return self._count

    def column(self, field: str) -> pl.Series | None:
        """Return a column, or None if it has nothing in it."""
        if field not in self._columns:
            column = self._events.get_column(field)
            self._columns[field] = column if column.null_count() < len(column) else None
        return self._columns[field]

    def keys(self, field: str) -> NDArray[np.uint64]:
        """Hash a string field, shape (n,); 0 where it is absent."""
        if field not in self._keys:
            column = self.column(field)
            self._keys[field] = np.zeros(self._count, np.uint64) if column is None else keys(column)
        return self._keys[field]

    def has(self, field: str) -> NDArray[np.bool_]:
        """Say where a string field is present."""
        present: NDArray[np.bool_] = self.keys(field) != 0
        return present

    def is_any(self, field: str, *words: str) -> NDArray[np.bool_]:
        """Say where a string field is one of these words."""
        found = np.zeros(self._count, np.bool_)
        if self.column(field) is not None:
            for word in words:
                found |= self.keys(field) == _key_of(word)
        return found

    def text_is(self, flag: int) -> NDArray[np.bool_]:
        """Say where a text has what a flag of `features.texts` stands for."""
        found: NDArray[np.bool_] = self.texts.flags & np.uint8(flag) != 0
        return found

    @cached_property
    def types(self) -> NDArray[np.int32]:
        """Codes of the events' types (`TYPE_CODES`), shape (n,); ValueError if one is not known."""
        codes = np.empty(self._count, np.int32)
        column = self.column("type")
        if column is None:
            return codes
        types = strings_of(column)
        unknown = _find_codes(types.views, types.first, _TYPE_SLOTS, codes)
        if unknown >= 0:
            msg = f"expected events of the types the contract names, got {column[unknown]!r} in row {unknown}"
            raise ValueError(msg)
        return codes

    def said(self, field: str) -> Said:
        """Return the texts of a string field that has any."""
        column = self._events.get_column(field)
        rows = np.arange(self._count) if column.null_count() == 0 else np.flatnonzero(self.has(field))
        return Said(rows, TextColumn.at(column, rows))

    @cached_property
    def texts(self) -> Texts:
        """Measures of the texts."""
        found = measure(self._events.get_column("text"))
        self._keys["text"] = found.exact
        return found

    @cached_property
    def written(self) -> Said:
        """The texts."""
        return self.said("text")

    @cached_property
    def normal(self) -> Normalised:
        """The texts in their two normal spellings, shape (m,) as ``written``."""
        return normalise(self.written.texts)

    @cached_property
    def shapes(self) -> NDArray[np.uint64]:
        """Keys of the texts without what varies in a template, shape (n,); 0 without one."""
        keys = np.zeros(self._count, np.uint64)
        keys[self.written.rows] = self.normal.full.keys()
        return keys

    @cached_property
    def shape_bytes(self) -> NDArray[np.int64]:
        """Bytes of the texts without what varies, shape (n,)."""
        sizes = np.zeros(self._count, np.int64)
        sizes[self.written.rows] = np.diff(self.normal.full.offsets)
        return sizes

    @cached_property
    def details(self) -> Details:
        """The contacts and links in texts."""
        if self.column("text") is None:
            return no_details(self._count)
        rows, texts = self.written
        found = [find_contacts(texts)]
        if self._tails is not None:
            found.append(self._tails.find(self.keys("account_id")[rows], self.ts[rows], texts))
        return read_details(self._count, rows, *found)

    @cached_property
    def profile_details(self) -> dict[str, Details]:
        """The contacts and links in bios and names."""
        fields = [field for field in ("bio", "name") if self.column(field) is not None]
        return {field: find_details(self._count, *self.said(field)) for field in fields}

    @cached_property
    def listed(self) -> Details:
        """The links in lists of links."""
        column = self._events.get_column("links")
        array = arrow_of(column)
        items, sizes = array.flatten(), array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        rows = np.repeat(np.arange(self._count), sizes)
        found = find_details(self._count, rows, TextColumn.of(pl.Series(items)))
        found.links[rows] = True
        return found

    def all_details(self) -> Iterator[tuple[str, Contacts]]:
        """Give all that `contacts`, `hosts` and their like found, with the field each was found in."""
        known = self.__dict__  # what nobody asked for was not looked for
        for field, name in (("text", "details"), ("links", "listed")):
            for contacts in known[name].found if name in known else ():
                yield field, contacts
        for field, details in known.get("profile_details", {}).items():
            for contacts in details.found:
                yield field, contacts

    @cached_property
    def hosts(self) -> NDArray[np.uint64]:
        """Keys of first links, shape (n,): in the list of links, or else in the text."""
        if self.column("links") is None:
            return self.details.hosts
        return np.where(self.listed.hosts != np.uint64(0), self.listed.hosts, self.details.hosts)

    @cached_property
    def contacts(self) -> NDArray[np.uint64]:
        """Keys of first contacts, shape (n,): in the text, the list of links, the bio or the name."""
        keys = np.zeros(self._count, np.uint64)
        parts = [self.details] if self.column("text") is not None else []
        parts += [self.listed] if self.column("links") is not None else []
        for part in reversed([*parts, *self.profile_details.values()]):
            np.copyto(keys, part.contact_keys, where=part.contact_keys != np.uint64(0))
        return keys

    @property
    def ts(self) -> NDArray[np.int64]:
        """Event times in epoch ms."""
        return self._events.get_column("ts").to_numpy()

    @cached_property
    def ip_blocks(self) -> NDArray[np.uint64]:
        """Keys of the blocks of the addresses, shape (n,); 0 for none."""
        blocks = np.zeros(self._count, np.uint64)
        column = self.column("ip")
        if column is not None:
            write_block_keys(*strings_of(column), np.empty(SCRATCH_MARGIN, np.uint8), blocks)
        return blocks

    def numbers(self, field: str) -> NDArray[np.int32]:
        """Return an integer field, shape (n,); -1 where it is absent."""
        out = np.full(self._count, -1, np.int32)
        column = self.column(field)
        if column is not None:
            array = arrow_of(column)
            valid, values = array.buffers()
            start, end = array.offset, array.offset + len(array)
            _read_numbers(readable(values).view(np.int64)[start:end], readable(valid), start, out)
        return out

    def digits(self, field: str) -> NDArray[np.int32]:
        """Count the digits of a string field, shape (n,); -1 where it is absent."""
        out = np.full(self._count, -1, np.int32)
        column = self.column(field)
        if column is not None:
            _count_digits(*strings_of(column), out)
        return out


@lru_cache
def _key_of(word: str) -> np.uint64:
    key: np.uint64 = keys(pl.Series([word]))[0]
    return key


def _type_slots() -> NDArray[np.uint64]:
    """Lay out the beginnings of the types' views (length, first four letters), which tell them apart."""
    slots = np.full((_SLOTS, 2), 2**64 - 1, np.uint64)
    for code, name in enumerate(EVENT_TYPES):
        head = int.from_bytes(len(name).to_bytes(4, "little") + name.encode()[:4].ljust(4, b"\0"), "little")
        place = (head * _MULTIPLIER % 2**64) >> _SHIFT
        assert slots[place, 0] == 2**64 - 1, f"{name} needs a slot of its own: try another multiplier"
        slots[place] = head, code
    return slots


_TYPE_SLOTS: Final = _type_slots()


@kernel
def _find_codes(views: NDArray[np.uint8], first: int, slots: NDArray[np.uint64], codes: NDArray[np.int32]) -> int:
    """Write the code of each type; give the first row that has none, or -1."""
    for row in range(codes.shape[0]):
        head = word_at(views, np.uint64(16 * (first + row)), 8)
        place = (head * np.uint64(_MULTIPLIER)) >> np.uint64(_SHIFT)
        if slots[place, 0] != head:
            return row
        codes[row] = slots[place, 1]
    return -1


@kernel
def _read_numbers(values: NDArray[np.int64], valid: NDArray[np.uint8], first: int, out: NDArray[np.int32]) -> None:
    for row in range(out.shape[0]):
        if is_valid(valid, first + row):
            out[row] = min(max(values[row], 0), _INT32_MAX)


@kernel
def _count_digits(
    views: NDArray[np.uint8],
    data: NDArray[np.uint8],
    valid: NDArray[np.uint8],
    first: int,
    out: NDArray[np.int32],
) -> None:
    for row in range(out.shape[0]):
        if is_valid(valid, first + row):
            text, start, end = bytes_at(views, data, first + row)
            count = 0
            for at in range(start, end):
                count += 48 <= text[at] <= 57
            out[row] = count
