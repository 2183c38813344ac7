"""The contacts and links that the events of a batch carry, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from features.slots import SlotTable
from features.text.contact_splits import WITHIN_MS, SplitContacts
from features.text.contacts import ContactKind, Contacts, find_contacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.text.column import TextColumn

_SENDERS_MAX: Final = 1 << 16


class Details(NamedTuple):
    """What n events carry; 0 stands for none."""

    links: NDArray[np.bool_]
    """Has a link."""
    contacts: NDArray[np.bool_]
    """Has contact details, or names a messenger."""
    hosts: NDArray[np.uint64]
    """Key of the first link: of its registrable domain, or of the whole of a shortened one."""
    contact_keys: NDArray[np.uint64]
    """Key of the first contact that is one's own: an address, a number or a handle."""
    found: tuple[Contacts, ...]
    """All of them; rows are those of the batch."""


def no_details(n: int) -> Details:
    """Say that n events carry nothing."""
    return Details(np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.zeros(n, np.uint64), np.zeros(n, np.uint64), ())


class Tails:
    """What senders said last, for contacts that go on in their next message (`text.contact_splits`).

    Of about so many senders as write within two minutes; older ones have nothing left to go on with.
    """

    def __init__(self) -> None:
        self._begin()

    def find(self, senders: NDArray[np.uint64], ts: NDArray[np.int64], texts: TextColumn) -> Contacts:
        """Find the contacts that began in what n messages' senders said before."""
        if len(self._slots) > _SENDERS_MAX and len(ts) and int(ts[0]) > self._begun_ms + WITHIN_MS:
            self._begin(int(ts[0]))
        return self._splits.find(self._slots.find_or_add(senders), ts, texts)

    def _begin(self, now_ms: int = 0) -> None:
        self._slots, self._splits, self._begun_ms = SlotTable(), SplitContacts(), now_ms


def read_details(n: int, rows: NDArray[np.int64], *found: Contacts) -> Details:
    """Say what n events carry, given the contacts found in texts of some rows; earlier ones come first."""
    details = no_details(n)._replace(found=tuple(c._replace(row=rows[c.row]) for c in found if len(c.row)))
    for contacts in reversed(details.found):
        is_link = contacts.kind == ContactKind.LINK
        is_own = ~is_link & (contacts.kind != ContactKind.HINT)
        details.links[contacts.row[is_link]] = True
        details.contacts[contacts.row[~is_link]] = True
        for kept, keys in ((is_link, details.hosts), (is_own, details.contact_keys)):
            keys[contacts.row[kept][::-1]] = contacts.key[kept][::-1]  # of several the first is written last
    return details


def find_details(n: int, rows: NDArray[np.int64], texts: TextColumn) -> Details:
    """Say what n events carry in the texts of some rows."""
    return read_details(n, rows, find_contacts(texts))
