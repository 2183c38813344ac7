"""What is known of one campaign."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from detector.campaigns.template import template_of
from detector.contract.campaigns import MEMBERS_NAMED, Campaign, Counted, Status, campaign_id
from detector.contract.decisions import Verdict
from detector.contract.times import DAY_MS, HOUR_MS, rfc3339
from features.text.language import CODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MEMBERS_EXACT: Final = 4_096
EXAMPLES: Final = 3
EXAMPLE_CHARACTERS: Final = 256
READ_MAX: Final = 64
"""Messages that are read for examples."""
VALUES_MAX: Final = 64
BENIGN: Final = "benign"
BOT: Final = "bot"
"""Labels."""
ACTIVE_MEMBERS, ACTIVE_AN_HOUR, ACTIVE_BLOCKED = 6, 5, 2
"""A campaign with so many members is active; so is one that so many joined within an hour, or of which so many members
are to be reviewed or worse."""
CLOSED_MS: Final = 7 * DAY_MS


class Record(msgspec.Struct):
    """One campaign: who is in it, since when, and what it says. Its number is the id of its first leader."""

    number: int
    first_ms: int
    last_ms: int
    leaders: dict[int, int] = {}
    """Groups of near duplicates it has, and how many senders each was last said to have."""
    members: dict[int, str] = {}
    """Keys of accounts in the order they joined; the first `MEMBERS_NAMED` with their ids."""
    uncounted: int = 0
    """Members beyond those that are held."""
    messages: int = 0
    hour: int = 0
    joined: int = 0
    joined_before: int = 0
    """Members that joined in the hour, and in the hour before it."""
    peak: int = 0
    """The most that ever joined in an hour."""
    languages: dict[int, int] = {}
    contacts: dict[str, int] = {}
    links: dict[str, int] = {}
    examples: list[str] = []
    normal: list[str] = []
    """The examples in normal form."""
    merged_into: int = 0
    label: str | None = None
    closed: bool = False

    @property
    def count(self) -> int:
        """Members."""
        return len(self.members) + self.uncounted

    @property
    def is_shown(self) -> bool:
        """Whether it has its examples, or enough messages to have found none."""
        return len(self.examples) >= EXAMPLES or self.messages >= READ_MAX

    def joined_1h(self) -> int:
        """Return how many joined in the hour up to the newest message, those of the hour before taken as even."""
        left = HOUR_MS - (self.last_ms - self.hour * HOUR_MS)
        return self.joined + self.joined_before * max(0, left) // HOUR_MS

    def join(self, sender: int, account_id: str, ts: int, more: int, room: int) -> bool:
        """Count the sender of a message among the members; whether it takes up room.

        ``more`` is by how much the distinct senders of its group have grown, ``room`` how many members more can be
        held: who is not held is counted when its group says that it is new.
        """
        if sender in self.members:
            return False
        held = len(self.members) < MEMBERS_EXACT and room > 0
        joined = 1 if held else max(0, more)
        if held:
            self.members[sender] = account_id if len(self.members) < MEMBERS_NAMED else ""
            if more <= 0 and self.uncounted:  # it had been counted before it was held
                self.uncounted, joined = self.uncounted - 1, 0
        else:
            self.uncounted += joined
        self._note_hour(ts // HOUR_MS, joined)
        return held

    def note(self, ts: int, language: int | None = None) -> None:
        """Count a message; the language of one that came before the campaign formed is not known any more."""
        self.first_ms, self.last_ms = min(self.first_ms, ts), max(self.last_ms, ts)
        self.messages += 1
        if language is not None:
            self.languages[language] = self.languages.get(language, 0) + 1

    def show(self, text: str, normal: str) -> None:
        """Keep a text as an example, if there are few and none like it."""
        if len(self.examples) < EXAMPLES and normal not in self.normal:
            self.examples.append(text[:EXAMPLE_CHARACTERS])
            self.normal.append(normal)

    def push(self, value: str, *, link: bool) -> None:
        """Count a contact or a link in a message; of many values the least frequent goes."""
        values = self.links if link else self.contacts
        values[value] = values.get(value, 0) + 1
        if len(values) > VALUES_MAX:
            del values[min((v for v in values if v != value), key=values.__getitem__)]

    def absorb(self, other: Record) -> None:
        """Take in all that another campaign has, members as far as they can be held; it then has none."""
        before = self.count + other.count
        self.leaders |= other.leaders
        for sender, account_id in other.members.items():
            if sender in self.members:
                before -= 1
            elif len(self.members) < MEMBERS_EXACT:
                self.members[sender] = account_id if len(self.members) < MEMBERS_NAMED else ""
        self.uncounted = before - len(self.members)
        self.first_ms, self.last_ms = min(self.first_ms, other.first_ms), max(self.last_ms, other.last_ms)
        self.messages += other.messages
        for mine, theirs in ((self.contacts, other.contacts), (self.links, other.links)):
            _add(mine, theirs)
        self.languages = dict(Counter(self.languages) + Counter(other.languages))
        if other.hour == self.hour:
            self.joined, self.joined_before = self.joined + other.joined, self.joined_before + other.joined_before
        self.peak, self.label = max(self.peak, other.peak), self.label or other.label
        for text, normal in zip(other.examples, other.normal, strict=True):
            self.show(text, normal)
        other.leaders, other.members, other.uncounted, other.merged_into = {}, {}, 0, self.number

    def status(self, verdicts: Mapping[int, int]) -> Status:
        """Say how it is doing, given its members' last verdicts."""
        if self.merged_into:
            return Status.MERGED
        if self.closed or self.label == BENIGN:
            return Status.CLOSED
        blocked = sum(count for verdict, count in verdicts.items() if verdict >= Verdict.REVIEW)
        grown = self.count >= ACTIVE_MEMBERS or self.peak >= ACTIVE_AN_HOUR or blocked >= ACTIVE_BLOCKED
        return Status.ACTIVE if grown or self.label == BOT else Status.FORMING

    def told(self, verdicts: Mapping[int, int], now_ms: int) -> Campaign:
        """Say what to publish; ``verdicts`` counts members by their last verdict."""
        return Campaign(
            campaign_id=campaign_id(self.number),
            status=self.status(verdicts),
            label=self.label,
            template=template_of(self.normal),
            examples=tuple(self.examples),
            members=self.count,
            member_ids=tuple(account_id for account_id in self.members.values() if account_id),
            messages=self.messages,
            first_seen=rfc3339(self.first_ms),
            last_seen=rfc3339(self.last_ms),
            members_per_hour=float(self.joined_1h()),
            languages=_counted({CODES[code]: count for code, count in self.languages.items()}),
            contacts=_counted(self.contacts),
            links=_counted(self.links),
            verdicts=tuple(Counted(Verdict(v).label, count) for v, count in sorted(verdicts.items())),
            merged_into=campaign_id(self.merged_into) if self.merged_into else None,
            updated_at=rfc3339(now_ms),
        )

    def _note_hour(self, hour: int, joined: int) -> None:
        ahead = hour - self.hour
        if ahead > 0:
            self.joined_before = self.joined if ahead == 1 else 0
            self.joined, self.hour = joined, hour
        elif ahead == 0:
            self.joined += joined
        elif ahead == -1:
            self.joined_before += joined
        self.peak = max(self.peak, self.joined)


def _add(mine: dict[str, int], theirs: dict[str, int]) -> None:
    total = Counter(mine) + Counter(theirs)
    mine.clear()
    mine |= dict(total.most_common(VALUES_MAX))


def _counted(counts: Mapping[str, int]) -> tuple[Counted, ...]:
    pairs: Iterable[tuple[str, int]] = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Counted(value, count) for value, count in pairs)
