"""How the state of campaigns is kept: what they were told since, until that weighs as much as the state; then that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import polars as pl

from detector.campaigns.allowed import Allowed
from detector.campaigns.batch import Batch
from detector.campaigns.record import Record
from detector.campaigns.shared import Use
from features.text.column import TextColumn
from features.text.contacts import Contacts
from features.text.near_duplicates import Matches

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from detector.campaigns.batch import Sent
    from detector.campaigns.campaigns import Campaigns

STATE_VERSION: Final = 1
_LOG_BYTES_MIN: Final = 1 << 20


class _State(msgspec.Struct, frozen=True, kw_only=True):
    now: int
    hour: int
    records: list[Record]
    uses: dict[int, Use]
    verdicts: dict[int, int]
    judged: list[int]
    untold: list[int]
    allowed: list[Allowed]
    unwritten: list[Allowed]


def snapshot(campaigns: Campaigns) -> dict[str, NDArray[Any]]:
    """Copy a state into arrays that never change."""
    state = _State(
        now=campaigns.now,
        hour=campaigns.hour,
        records=list(campaigns.records.values()),
        uses=campaigns.shared.uses,
        verdicts=campaigns.verdicts,
        judged=list(campaigns.judged),
        untold=list(campaigns.untold),
        allowed=campaigns.allowed,
        unwritten=campaigns.unwritten,
    )
    written = np.frombuffer(msgspec.json.encode(state), np.uint8)
    head = {"version": np.array([STATE_VERSION]), "complete": np.array([True]), "state": written}
    return head | campaigns.recent.snapshot()


def restore(campaigns: Campaigns, told: dict[str, NDArray[Any]]) -> list[Record]:
    """Take in what `snapshot` gave, but for its campaigns: those are returned."""
    if int(told["version"][0]) != STATE_VERSION:
        msg = (
            f"the state of campaigns has version {told['version'][0]}, expected {STATE_VERSION}: start with an empty "
            "state folder and fill it by replaying the events topic"
        )
        raise ValueError(msg)
    state = msgspec.json.decode(told["state"].tobytes(), type=_State)
    campaigns.now, campaigns.hour, campaigns.verdicts = state.now, state.hour, state.verdicts
    campaigns.shared.uses |= state.uses
    campaigns.judged, campaigns.untold = dict.fromkeys(state.judged), dict.fromkeys(state.untold)
    campaigns.allowed, campaigns.unwritten = state.allowed, state.unwritten
    campaigns.recent.restore(told)
    return state.records


class Log:
    """What campaigns were told since it was last taken."""

    def __init__(self) -> None:
        self._sent: list[dict[str, NDArray[Any]]] = []
        self._verdicts: list[tuple[int, int, int]] = []
        self._rows = self._told_bytes = self._whole_bytes = 0

    def observed(self, batch: Sent, matches: Matches, read: NDArray[np.int64]) -> None:
        """Note messages; ``read`` are the rows whose texts were read."""
        self._sent.append(_arrays(batch, matches, read, self._rows))
        self._rows += len(batch.ts)

    def judged(self, key: int, verdict: int) -> None:
        """Note a verdict."""
        self._verdicts.append((self._rows, key, verdict))

    def take(self, whole: Callable[[], dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]] | None:
        """Tell it, or the ``whole`` state if that is less by now; None if there was nothing."""
        if not self._sent and not self._verdicts:
            return None
        told = self._joined()
        self._sent, self._verdicts, self._rows = [], [], 0
        self._told_bytes += sum(array.nbytes for array in told.values())
        if self._told_bytes < max(self._whole_bytes, _LOG_BYTES_MIN):
            return told
        told = whole()
        self._whole_bytes, self._told_bytes = sum(array.nbytes for array in told.values()), 0
        return told

    def replay(self, campaigns: Campaigns, told: dict[str, NDArray[Any]]) -> None:
        """Tell campaigns again what was taken."""
        batch, matches = _sent(told)
        verdicts, begin = told["verdicts"], 0
        for at in [*np.unique(told["verdict_at"]).tolist(), len(batch.ts)]:
            campaigns.observe(*_cut(batch, matches, begin, at))
            due = told["verdict_at"] == at
            campaigns.tell_verdicts(told["verdict_keys"][due], verdicts[due])
            begin = at
        self._sent, self._verdicts, self._rows = [], [], 0  # it is on disk already

    def _joined(self) -> dict[str, NDArray[Any]]:
        nothing = _arrays(_NOBODY, _NOTHING, np.zeros(0, np.int64), 0)
        parts = [nothing, *self._sent]
        told = {name: np.concatenate([part[name] for part in parts]) for name in nothing}
        at, keys, verdicts = zip(*self._verdicts, strict=True) if self._verdicts else ((), (), ())
        return told | {
            "verdict_at": np.array(at, np.int64),
            "verdict_keys": np.array(keys, np.uint64),
            "verdicts": np.array(verdicts, np.int8),
            "complete": np.array([False]),
        }


def _arrays(batch: Sent, matches: Matches, read: NDArray[np.int64], first_row: int) -> dict[str, NDArray[Any]]:
    """Lay out n messages; texts that were not read are left empty."""
    kept = np.zeros(len(batch.ts), np.bool_)
    kept[read] = True
    sizes = np.diff(batch.texts.offsets)
    ids, contacts = TextColumn.of(batch.account_ids), batch.contacts
    return {
        "senders": batch.senders,
        "ts": batch.ts,
        "languages": batch.languages,
        "leaders": matches.leaders,
        "group_senders": matches.senders,
        "group_senders_1h": matches.senders_1h,
        "closeness": matches.closeness,
        "new": matches.new,
        "ids": ids.data,
        "id_sizes": np.diff(ids.offsets),
        "texts": batch.texts.data[np.repeat(kept, sizes)],
        "text_sizes": np.where(kept, sizes, 0),
        "contact_rows": contacts.row + first_row,
        "contact_kinds": contacts.kind,
        "contact_keys": contacts.key,
        "contact_values": contacts.values.data,
        "contact_sizes": np.diff(contacts.values.offsets),
    }


def _sent(told: dict[str, NDArray[Any]]) -> tuple[Batch, Matches]:
    values = _column(told["contact_values"], told["contact_sizes"])
    nowhere = np.zeros(len(values), np.int32)
    contacts = Contacts(told["contact_rows"], told["contact_kinds"], told["contact_keys"], nowhere, nowhere, values)
    ids = _column(told["ids"], told["id_sizes"]).series()
    texts = _column(told["texts"], told["text_sizes"])
    batch = Batch(told["senders"], ids, told["ts"], told["languages"], texts, contacts)
    halves, shares = np.zeros(len(ids), np.int32), np.zeros(len(ids), np.float32)
    return batch, Matches(
        told["leaders"],
        shares,
        halves,
        told["group_senders"],
        told["group_senders_1h"],
        told["ts"],
        told["new"],
        told["closeness"],
    )


def _cut(batch: Batch, matches: Matches, begin: int, end: int) -> tuple[Batch, Matches]:
    rows = slice(begin, end)
    offsets = batch.texts.offsets[begin : end + 1]
    texts = TextColumn(batch.texts.data[offsets[0] : offsets[-1]], offsets - offsets[0])
    contacts = batch.contacts.only((batch.contacts.row >= begin) & (batch.contacts.row < end))
    part = Batch(
        batch.senders[rows],
        batch.account_ids[rows],
        batch.ts[rows],
        batch.languages[rows],
        texts,
        contacts._replace(row=contacts.row - begin),
    )
    return part, Matches._make(column[rows] for column in matches)


def _column(data: NDArray[np.uint8], sizes: NDArray[np.int64]) -> TextColumn:
    return TextColumn(data, np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)]))


_EMPTY: Final = TextColumn(np.zeros(0, np.uint8), np.zeros(1, np.int64))
_NOBODY: Final = Batch(
    np.zeros(0, np.uint64),
    pl.Series(dtype=pl.String),
    np.zeros(0, np.int64),
    np.zeros(0, np.uint8),
    _EMPTY,
    Contacts(
        np.zeros(0, np.int64),
        np.zeros(0, np.uint8),
        np.zeros(0, np.uint64),
        np.zeros(0, np.int32),
        np.zeros(0, np.int32),
        _EMPTY,
    ),
)
_NOTHING: Final = Matches(
    np.zeros(0, np.uint64),
    np.zeros(0, np.float32),
    np.zeros(0, np.int32),
    np.zeros(0, np.int32),
    np.zeros(0, np.int32),
    np.zeros(0, np.int64),
    np.zeros(0, np.bool_),
    np.zeros(0, np.float32),
)
