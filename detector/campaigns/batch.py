"""What campaigns are told of messages, what they look at in each, and what they say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import numpy as np

from detector.campaigns.evidence import SENDERS_MIN
from features.messages import CLOSENESS_MIN
from features.text.column import TextColumn
from features.text.contacts import ContactKind
from features.text.fold import normalise
from features.text.signatures import COMPONENTS, sign

if TYPE_CHECKING:
    from collections.abc import Container

    import polars as pl
    from numpy.typing import NDArray

    from features.text.contacts import Contacts
    from features.text.near_duplicates import Matches


class Sent(Protocol):
    """n messages in the order they arrived."""

    @property
    def senders(self) -> NDArray[np.uint64]:
        """(n,): keys of the accounts."""

    @property
    def account_ids(self) -> pl.Series:
        """(n,)."""

    @property
    def ts(self) -> NDArray[np.int64]:
        """(n,): event times in ms."""

    @property
    def languages(self) -> NDArray[np.uint8]:
        """(n,): codes of `features.text.language`."""

    @property
    def texts(self) -> TextColumn:
        """As they were sent."""

    @property
    def contacts(self) -> Contacts:
        """All contacts and links found in them, rows rising."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages as `Sent` describes them."""

    senders: NDArray[np.uint64]
    account_ids: pl.Series
    ts: NDArray[np.int64]
    languages: NDArray[np.uint8]
    texts: TextColumn
    contacts: Contacts


class Membership(NamedTuple):
    """The campaign of each of n messages, as it is after it."""

    campaigns: NDArray[np.uint64]
    """Numbers of campaigns (`contract.campaigns.campaign_id` names them); 0 for none."""
    members: NDArray[np.int32]
    """Members of the campaign; 0 for none."""


class Arrival(NamedTuple):
    """One message to be looked at: its campaign is known, or it could be one's, or it has contacts."""

    account_id: str
    row: int
    leader: int
    sender: int
    ts: int
    now: int
    """The newest event time up to here."""
    language: int
    senders: int
    senders_1h: int
    closeness: float
    is_new: bool
    """Whether its group may be a campaign now."""
    text: str
    normal: str
    words: int
    signature: NDArray[np.uint32]
    """These four are empty where nobody asks for them."""
    contacts: list[tuple[int, str, bool]]
    """Key, normal form, and whether it is a link."""


class Wanted(NamedTuple):
    """Which of n messages to look at, and whose texts are needed for that; rising rows."""

    rows: NDArray[np.int64]
    read: NDArray[np.int64]
    new: NDArray[np.bool_]
    """(n,): whether the group may be a campaign now."""


def wanted(matches: Matches, contacts: Contacts, known: Container[int], shown: Container[int]) -> Wanted:
    """Choose messages; ``known`` are the leaders that campaigns have, ``shown`` those that want no more examples."""
    new = matches.new & (matches.senders >= SENDERS_MIN) & (matches.closeness >= CLOSENESS_MIN)
    rising = set(matches.leaders[new].tolist())
    leaders = matches.leaders.tolist()
    in_one = np.array([leader in known for leader in leaders], np.bool_)
    coming = np.array([leader in rising for leader in leaders], np.bool_)
    enough = np.array([leader in shown for leader in leaders], np.bool_)
    told = np.zeros(len(leaders), np.bool_)
    told[contacts.row[contacts.kind != ContactKind.HINT]] = True
    read = (in_one & ~enough) | (coming & ~in_one) | new
    return Wanted(np.flatnonzero(in_one | coming | told), np.flatnonzero(read), new)


def arrivals(batch: Sent, matches: Matches, now: int, chosen: Wanted) -> list[Arrival]:
    """Lay out the messages chosen; ``now`` is the newest event time before them."""
    rows, clock = chosen.rows, np.maximum.accumulate(np.maximum(batch.ts, now))
    texts = dict(zip(chosen.read.tolist(), _read(batch.texts, chosen.read), strict=True))
    contacts = _by_row(batch.contacts)
    columns: list[NDArray[Any]] = [
        *(rows, matches.leaders[rows], batch.senders[rows]),
        *(batch.ts[rows], clock[rows], batch.languages[rows]),
        *(matches.senders[rows], matches.senders_1h[rows], matches.closeness[rows], chosen.new[rows]),
    ]
    ids = TextColumn.at(batch.account_ids, rows).strings()
    return [
        Arrival._make((account_id, *values, *texts.get(values[0], _UNREAD), contacts.get(values[0], [])))
        for account_id, *values in zip(ids, *(column.tolist() for column in columns), strict=True)
    ]


_UNREAD: Final = ("", "", 0, np.zeros(COMPONENTS, np.uint32))


def _read(texts: TextColumn, rows: NDArray[np.int64]) -> list[tuple[str, str, int, NDArray[np.uint32]]]:
    if len(rows) == 0:
        return []
    raw = TextColumn.at(texts.series(), rows)
    normal = normalise(raw).full
    signatures = sign(normal)
    return list(zip(raw.strings(), normal.strings(), signatures.words.tolist(), list(signatures.values), strict=True))


def _by_row(contacts: Contacts) -> dict[int, list[tuple[int, str, bool]]]:
    found: dict[int, list[tuple[int, str, bool]]] = {}
    columns = contacts.row.tolist(), contacts.kind.tolist(), contacts.key.tolist(), contacts.values.strings()
    for row, kind, key, value in zip(*columns, strict=True):
        if kind != ContactKind.HINT:
            found.setdefault(row, []).append((key, value, kind == ContactKind.LINK))
    return found
