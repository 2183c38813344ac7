"""Campaigns: accounts that act together, by the texts they copy and the contacts they push.

A campaign begins with a group of near duplicates (`evidence` says which), has the id of that group for ever, and grows
as accounts join. Campaigns that push the same contact become one. A silent one closes and is forgotten after
`FORGOTTEN_MS`. Everything is in event time and depends on the messages and their order alone, not on where batches end.

Memory is bounded. When there is no room for another campaign, the one goes that was silent longest; members beyond
`MEMBERS_MAX` in all, or 4,096 in one campaign, are counted, no longer held; `recent` and `shared` say what they hold.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from detector.campaigns.allowed import Allowed, AllowList, signed
from detector.campaigns.batch import Membership, arrivals, wanted
from detector.campaigns.evidence import WINDOW_MS, is_campaign, is_slow, is_trusted
from detector.campaigns.founding import TOGETHER, Before, share_a_campaign
from detector.campaigns.log import Log, restore, snapshot
from detector.campaigns.recent import Recent
from detector.campaigns.record import BENIGN, CLOSED_MS, Record
from detector.campaigns.shared import SharedContacts, is_shared
from detector.contract.campaigns import Campaign, campaign_id, campaign_number
from detector.contract.times import HOUR_MS
from features.text.column import TextColumn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from detector.campaigns.batch import Arrival, Sent
    from features.text.near_duplicates import Matches

CAPACITY: Final = 1 << 14
MEMBERS_MAX: Final = 1 << 18
FORGOTTEN_MS: Final = WINDOW_MS
LEARNED_MAX: Final = 1_024


class Campaigns:
    """All campaigns of a stream, at most ``capacity`` of them with ``members_max`` members held."""

    def __init__(
        self, allowed: Iterable[Allowed] = (), capacity: int = CAPACITY, members_max: int = MEMBERS_MAX
    ) -> None:
        self._capacity, self._members_max = capacity, members_max
        self._from_file = tuple(allowed)
        self._log = Log()
        self.records: dict[int, Record] = {}
        self.now = self.hour = 0
        """The newest event time, and the last hour in which silent campaigns were looked for."""
        self.verdicts: dict[int, int] = {}
        """Members' last ones."""
        self.judged: dict[int, None] = {}
        self.untold: dict[int, None] = {}
        """Members and campaigns of which something changed that is not published."""
        self.allowed: list[Allowed] = []
        self.unwritten: list[Allowed] = []
        """What was learned, and what of that is not in the file yet."""
        self._clear()

    def __len__(self) -> int:
        """Return the number of campaigns held, merged ones among them."""
        return len(self.records)

    def observe(self, batch: Sent, matches: Matches) -> Membership:
        """Take messages in with what they are near duplicates of, and say which campaigns they are part of."""
        chosen = wanted(matches, batch.contacts, self._of_leader, self._shown)
        self._log.observed(batch, matches, chosen.read)
        said = Membership(np.zeros(len(batch.ts), np.uint64), np.zeros(len(batch.ts), np.int32))
        for arrival in arrivals(batch, matches, self.now, chosen):
            if arrival.leader not in self._of_leader and not arrival.is_new and not arrival.contacts:
                continue  # its campaign went since the batch began: in a batch of its own nobody would look at it
            self._tick(arrival.now)
            record = self._of_leader.get(arrival.leader)
            if record is not None:
                self._count(record, arrival)
            elif arrival.is_new:
                record = self._form(arrival, Before(self.recent, arrival, batch, matches, said))
            record = self._note_contacts(record if record is None or record.label != BENIGN else None, arrival)
            if record is not None:
                said.campaigns[arrival.row], said.members[arrival.row] = record.number, record.count
        alone = np.flatnonzero((matches.leaders != 0) & (said.campaigns == 0))
        ids = TextColumn.at(batch.account_ids, alone).strings()
        self.recent.append(matches.leaders[alone], batch.senders[alone], batch.ts[alone], ids)
        self.now = int(batch.ts.max(initial=self.now))
        return said

    def tell_verdicts(self, accounts: NDArray[np.uint64], verdicts: NDArray[np.int8]) -> None:
        """Say what was decided of k accounts, given by their keys; those that are in no campaign are passed over."""
        for key, verdict in zip(accounts.tolist(), verdicts.tolist(), strict=True):
            if key in self._campaigns_of and self.verdicts.get(key) != verdict:
                self.verdicts[key] = verdict
                self.judged[key] = None
                self._log.judged(key, verdict)

    def tell_labels(self, labels: Mapping[str, str]) -> None:
        """Say what analysts call campaigns (``bot`` or ``benign``), by their ids; those not known are passed over.

        It is told again after `apply`, as the allow-list is: neither is among the changes.
        """
        for name, label in labels.items():
            record = self.records.get(campaign_number(name))
            if record is not None and record.label != label:
                self._label(record, label)

    def set_allowed(self, entries: Iterable[Allowed]) -> None:
        """Take the file's entries in place of those before; campaigns that they allow are benign from now on."""
        self._from_file = tuple(entries)
        self._allow()
        for record in self.records.values():
            if record.label is None and any(map(self._allowed.allows, signed(record.normal).values)):
                self._label(record, BENIGN)

    def updated(self) -> tuple[Campaign, ...]:
        """Return the campaigns that changed since this was last asked, in the order they were first seen."""
        for record in self.records.values() if self.judged else ():
            if not self.judged.keys().isdisjoint(record.members):
                self.untold[record.number] = None
        changed = sorted((self.records[number] for number in self.untold), key=lambda r: (r.first_ms, r.number))
        self.judged.clear()
        self.untold.clear()
        return tuple(record.told(self._mix(record), self.now) for record in changed)

    def learned(self) -> tuple[Allowed, ...]:
        """Return what was learned to be benign since this was last asked, for the allow-list's file."""
        new, self.unwritten = tuple(self.unwritten), []
        return new

    def changes(self) -> dict[str, NDArray[Any]] | None:
        """Tell what `apply` must be told, after all it was told before, to hold the same state; None for nothing."""
        return self._log.take(lambda: snapshot(self))

    def apply(self, changes: dict[str, NDArray[Any]]) -> None:
        """Take in what `changes` told, with the allow-list there was; ValueError when another version wrote it."""
        if changes["complete"][0]:
            self._clear()
            for record in restore(self, changes):
                self._hold(record)
            self._allow()
        else:
            self._log.replay(self, changes)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Copy the state into arrays that never change, for `apply`."""
        return snapshot(self)

    def _clear(self) -> None:
        self.recent, self.shared = Recent(), SharedContacts()
        self.records.clear()
        self._of_leader: dict[int, Record] = {}
        self._shown: set[int] = set()
        self._campaigns_of: Counter[int] = Counter()
        self._held = 0
        self._allow()

    def _allow(self) -> None:
        self._allowed = AllowList((*self._from_file, *self.allowed))

    def _label(self, record: Record, label: str) -> None:
        record.label = label
        self.untold[record.number] = None

    def _tick(self, now: int) -> None:
        """Once an hour of event time, close and forget what is silent, and learn what is benign."""
        hour = now // HOUR_MS
        if hour <= self.hour:
            return
        self.hour = hour
        for record in list(self.records.values()):
            if now - record.last_ms > FORGOTTEN_MS:
                self._forget(record)
            elif now - record.last_ms > CLOSED_MS and not record.closed and not record.merged_into:
                record.closed = True
                self.untold[record.number] = None
            elif record.label is None and is_slow(record) and is_trusted(record, self._mix(record)):
                self._learn(record)

    def _learn(self, record: Record) -> None:
        name = campaign_id(record.number)
        new = [Allowed(text=normal, source="learned", campaign_id=name) for normal in record.normal]
        self.allowed = [*self.allowed, *new][-LEARNED_MAX:]
        self.unwritten += new
        self._allow()
        self._label(record, BENIGN)

    def _form(self, arrival: Arrival, before: Before) -> Record | None:
        founders = before.founders()
        senders = {sender for sender, _, _ in founders} | {arrival.sender}

        def is_supported() -> bool:
            asks = any(not link for _, _, link in arrival.contacts)
            return asks or self._share_a_campaign(senders, arrival.ts) or before.shared_another(senders)

        if not is_campaign(len(senders), arrival.senders_1h, arrival.words, arrival.closeness, is_supported):
            return None
        if self._allowed.allows(arrival.signature):
            return None
        if len(self.records) >= self._capacity:
            self._forget(min(self.records.values(), key=lambda r: (r.last_ms, r.number)))
        record = Record(arrival.leader, arrival.ts, arrival.ts)
        for sender, ts, account_id in founders:
            self._join(record, sender, account_id, ts, 0)
            record.note(ts)
        record.leaders[arrival.leader] = arrival.senders
        self.records[record.number] = self._of_leader[record.number] = record
        self._count(record, arrival)
        return record

    def _share_a_campaign(self, senders: set[int], ts: int) -> bool:
        members = {sender for sender in senders if sender in self._campaigns_of}
        return len(members) >= TOGETHER and share_a_campaign(self.records.values(), members, ts)

    def _count(self, record: Record, arrival: Arrival) -> None:
        more = arrival.senders - record.leaders[arrival.leader]
        record.leaders[arrival.leader] = arrival.senders
        self._join(record, arrival.sender, arrival.account_id, arrival.ts, more)
        record.note(arrival.ts, arrival.language)
        record.closed = False
        if arrival.text and arrival.leader not in self._shown:
            record.show(arrival.text, arrival.normal)
            self._note_shown(record)
        self.untold[record.number] = None

    def _note_shown(self, record: Record) -> None:
        if record.is_shown:
            self._shown.update(record.leaders)

    def _join(self, record: Record, sender: int, account_id: str, ts: int, more: int) -> None:
        if record.join(sender, account_id, ts, more, self._members_max - self._held):
            self._campaigns_of[sender] += 1
            self._held += 1

    def _leave(self, members: Iterable[int]) -> None:
        for member in members:
            self._held -= 1
            self._campaigns_of[member] -= 1
            if not self._campaigns_of[member]:
                del self._campaigns_of[member]
                self.verdicts.pop(member, None)
                self.judged.pop(member, None)

    def _hold(self, record: Record) -> None:
        self.records[record.number] = record
        self._of_leader |= dict.fromkeys(record.leaders, record)
        self._note_shown(record)
        self._campaigns_of.update(record.members.keys())
        self._held += len(record.members)

    def _forget(self, record: Record) -> None:
        del self.records[record.number]
        for leader in record.leaders:
            del self._of_leader[leader]
        self._shown.difference_update(record.leaders)
        self._leave(record.members)
        self.untold.pop(record.number, None)

    def _mix(self, record: Record) -> Counter[int]:
        return Counter(self.verdicts[member] for member in record.members if member in self.verdicts)

    def _note_contacts(self, record: Record | None, arrival: Arrival) -> Record | None:
        """Count the contacts of a message, and merge its campaign with others that have one of them."""
        for key, value, link in arrival.contacts:
            if record is None:
                self.shared.note_outsider(key, arrival.sender)
                continue
            record.push(value, link=link)
            use = self.shared.note_member(key, arrival.sender, record.number, self._root)
            for number in list(use.inside):
                other = self.records[number]
                if other is not record and other.label != BENIGN and is_shared(use, record, other):
                    record = self._merge(record, other)
                    use.rename(self._root)
        return record

    def _root(self, number: int) -> int | None:
        """Give the campaign that one is part of, or itself; None if it was forgotten."""
        record = self.records.get(number)
        while record is not None and record.merged_into:
            record = self.records.get(record.merged_into)
        return None if record is None else record.number

    def _merge(self, one: Record, other: Record) -> Record:
        older, newer = sorted((one, other), key=lambda r: (r.first_ms, r.number))
        leaving, known = list(newer.members), set(older.members)
        older.absorb(newer)
        joined = [member for member in older.members if member not in known]
        self._campaigns_of.update(joined)
        self._held += len(joined)
        self._leave(leaving)
        self._of_leader |= dict.fromkeys(older.leaders, older)
        self._note_shown(older)
        self.untold |= {older.number: None, newer.number: None}
        return older
