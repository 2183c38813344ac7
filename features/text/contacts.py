"""Contacts and links in texts, found even when hidden.

A text is looked at twice. Bits tell in one pass over its bytes whether it can hold a contact (`contact_needles`); a few
in a hundred can. Those are laid out character by character as what they stand for (`contact_signs`), spellings such as
"(dot)" are undone (`contact_spelling`), and readers go over that: `contact_hosts` (web and e-mail addresses),
`contact_messengers` (handles) and `contact_phones`. The texts as sent are read, not normalised ones: handles and paths
are identities by their very digits and signs, which normalising would change, and places are those in the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from detector.contract.jit import kernel
from features.text.column import TextColumn
from features.text.contact_hosts import find_addresses
from features.text.contact_messengers import find_handles, find_hints, find_messengers
from features.text.contact_needles import READ_MAX, mark_worth
from features.text.contact_phones import find_phones
from features.text.contact_sheet import SPELLED_AT, SPELLED_DOT, ContactKind, Found, Sheet
from features.text.contact_signs import drop_apostrophes, lay_out, signs
from features.text.contact_spelling import close_up, find_words, respell
from features.text.contact_suffixes import Suffixes, suffixes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["ContactKind", "Contacts", "find_contacts", "joined"]


class Contacts(NamedTuple):
    """k contacts found in n texts, rows rising, in each text at most 8."""

    row: NDArray[np.int64]
    kind: NDArray[np.uint8]
    """Numbers of `ContactKind`."""
    key: NDArray[np.uint64]
    """Hashes of the normal forms (of a telephone number its last nine digits): one contact has one key."""
    place: NDArray[np.int32]
    stop: NDArray[np.int32]
    """Bytes of the text at which it begins and ends."""
    values: TextColumn
    """Normal forms: "+14155550123", "mail@example.com", "@foo", "telegram:foo", "example.com", "bit.ly/AbC", "kik"."""

    def only(self, kept: NDArray[np.bool_]) -> Contacts:
        """Return some of them."""
        return self.taken(np.flatnonzero(kept))

    def taken(self, order: NDArray[np.int64]) -> Contacts:
        """Return some of them, in the order given."""
        sizes, starts = np.diff(self.values.offsets)[order], self.values.offsets[:-1][order]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)
        values = TextColumn(self.values.data[places], offsets)
        row, kind, key, place, stop, _ = self
        return Contacts(row[order], kind[order], key[order], place[order], stop[order], values)

    def beside(self, events: pl.DataFrame) -> pl.DataFrame:
        """Give each contact the columns of the event it was found in, its ``kind`` and its ``value``."""
        return events[self.row].hstack([_KINDS[self.kind], self.values.series().alias("value")])


_KINDS: Final = pl.Series("kind", [kind.name.lower() for kind in ContactKind])


def find_contacts(texts: TextColumn) -> Contacts:
    """Find the contacts in texts as they were sent, in their first 64 KiB each."""
    count, longest = len(texts), min(READ_MAX, int(np.diff(texts.offsets).max(initial=0)))
    sheet, rows, table = Sheet.of(longest), np.empty(count + 1, np.int64), signs()
    worth = mark_worth(texts.data, texts.offsets, table, sheet, np.empty((2, 8), np.uint64), rows)
    found = Found.of(worth)
    _read_all(texts.data, texts.offsets, rows[:worth], table, suffixes(), sheet, found)
    k = int(found.counts[0])
    values = TextColumn(found.values[: found.ends[k]], found.ends[: k + 1])
    return Contacts(found.row[:k], found.kind[:k], found.key[:k], found.place[:k], found.stop[:k], values)


def joined(parts: Sequence[Contacts]) -> Contacts:
    """Put contacts found in the same texts together, by row; of a row in the order of the parts."""
    if not parts:
        nothing = TextColumn(np.zeros(0, np.uint8), np.zeros(1, np.int64))
        parts = [find_contacts(nothing)]
    row, kind, key, place, stop = (np.concatenate([part[k] for part in parts]) for k in range(5))
    sizes = np.concatenate([np.diff(part.values.offsets) for part in parts])
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    values = TextColumn(np.concatenate([part.values.data for part in parts]), offsets)
    return Contacts(row, kind, key, place, stop, values).taken(np.argsort(row, kind="stable"))


@kernel
def _read_all(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
    table: NDArray[np.uint16],
    suffixes: Suffixes,
    sheet: Sheet,
    found: Found,
) -> None:
    for row in rows:
        start = offsets[row]
        end = min(offsets[row + 1], start + READ_MAX)
        n = drop_apostrophes(sheet, lay_out(data, start, end, table, sheet))
        n = close_up(sheet, n)
        n = respell(sheet, respell(sheet, n, suffixes, SPELLED_DOT), suffixes, SPELLED_AT)
        for i in range(n):
            sheet.used[i] = 0
        found.counts[1], found.counts[2] = found.counts[0], row
        find_addresses(sheet, found, data, start, n, suffixes)
        words = find_words(sheet, n)
        find_messengers(sheet, found, n, words)
        find_phones(sheet, found, n, words)
        find_handles(sheet, found, n)
        find_hints(sheet, found, words)
