"""The page about features, ``docs/features.md``: made from the catalogue, so that it cannot say anything else."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final, NamedTuple

from detector.feature_sources import source_of
from features import catalogue, life_view, message_views
from features.arrays import HELD_MAX
from features.entities import MEMBERS_MAX
from features.messages import VECTOR_DIMENSIONS
from features.places import ACTIONS, GAP_MS_MAX, PACES, PAIR_MS, SESSION_MS
from features.text.near_duplicates import CAPACITY
from features.views import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from features.views import Feature

COMMAND: Final = "just docs"
"""Writes the page."""


class Section(NamedTuple):
    """A view as the page shows it."""

    title: str
    about: str
    view: tuple[Feature, ...]


SECTIONS: Final = (
    Section("Tempo", "How much an account does, and how evenly.", catalogue.ACCOUNT_TEMPO),
    Section("Life", "The same over all it ever did, where a week says too little.", life_view.ACCOUNT_LIFE),
    Section("Order", "Which of its actions follows which.", catalogue.ACCOUNT_ORDER),
    Section("Reach", "Whom it acts towards, and how choosy it is.", catalogue.ACCOUNT_REACH),
    Section("Received", "What others do to it.", catalogue.ACCOUNT_RECEIVED),
    Section(
        "Conversation", "How it talks with each of the others, over all its conversations.", catalogue.CONVERSATION
    ),
    Section("Text", "What it writes.", catalogue.ACCOUNT_TEXT),
    Section("Messages", "What its texts say, whose they are like, and what they follow.", message_views.MESSAGES),
    Section("Profile and age", "What it says of itself, and how long it has been there.", catalogue.PROFILE),
    Section(
        "Shared entities", "How many accounts have in common what this account used last.", catalogue.SHARED_ENTITIES
    ),
)
"""Every view, in the catalogue's order."""

_TOP: Final = """\
<!-- Written by `{command}` from features/catalogue.py and detector/feature_page.py: edit those, not this. -->

# Features

Gillnet keeps {count} numbers about every account. All of them together, as they stand just after one of the account's
events, are its feature vector: what the model reads, and what the lake's table `vectors` keeps.
`gillnet features --list` prints this list, and [feature-queries.md](feature-queries.md) counts some of it again in SQL.

## How to read it

**Own and received.** *Own events* are those an account sent: their `account_id` names it. *Received* are those of
others whose `target_id` names it. What it receives changes its features, but its vector is written, and its windows
move, only when it does something itself. What an account does to itself is received by nobody.

**Windows** are trailing and in event time: they end at the account's newest own event, however late that arrived, and
never at the clock on the wall. `1h` is that event and all up to exactly an hour before it, both ends included. Received
events that are newer than that count too.

`7d` is counted by days (UTC): the day of the newest own event and the six before it; for received events the day of the
newest event sent or received. `active_hours_count_7d` counts the newest event's hour and the 167 before it,
`longest_run_minutes_24h` its ten minutes and the 143 before. `life` is all the account ever did. An account of which
nothing was heard for `account_ttl_days` (90) begins anew.

**Late events** count at their own time, never at the newest, and what they change is mended: the gaps around them, who
opened a conversation, who answered whom. In the end it makes no difference in which order events came, as long as none
is more than 24 hours and `lateness_seconds` (1 hour) older than the newest of its account. One that is changes nothing
(outcome `late`), and a duplicate changes nothing (`duplicate`). Two events of one time stand in the order of a hash of
their ids.

**Nothing there.** A count of nothing is 0. A mean, ratio or entropy over nothing, or a fact that was never said, is
NaN: the model takes it for unknown.

**Exact, and what is not.** Counts, sums and numbers of different things are exact, and so are means and spreads made of
them. These are not:

- quantiles of gaps (`gap_seconds_p…`) are sketches, at most 19 % off. Gaps below 64 ms read 32 ms, and gaps above 44
  hours read 44 hours;
- entropies are computed from exact counts, to a millionth of a bit;
- gaps above {gap_days:.1f} days count as {gap_days:.1f} days;
- texts and link hosts are told apart by 32 bits of a hash, within one account: that two different texts of an account
  count as one has a chance of one in four billion for each pair. Accounts, events and entities have 64 bits.

**Life.** What `…_life` says is kept for as long as the account is known, in a few hundred bytes. Its histograms count
by 16 bits: when a bin has 65,535 all bins are halved, so shares stay as they were and old habits fade. *Coincidence*
is Friedman's index: how often two events fall in the same bin, for each time chance would put them there. *Pace* is
the gap in {paces} steps, each eight times as long as the one before.

**Limits.** An account holds its events for 24 hours and `lateness_seconds` behind the newest it sent or received, and
at most {held:,} of them; what is older leaves every window but `7d`, even where the window reaches further back. A day
counts at most 65,535 events of a kind. Of an entity {members:,} accounts are known, those that used it last: a count
reads at most {members:,}.

**Sessions** end with a pause of {session:.0f} minutes. A **conversation** is what two accounts exchange, messages and
the match before them; after a silence of more than {pair:.0f} hours it begins anew.

{sorts}

**Shared entities.** Each event that carries a device, an address, a photo or the like says that its account uses this
entity. A feature of this sort has the count as it was when the account's latest event with such an entity arrived: the
accounts that used the entity within an hour (or 24 hours) before the entity's newest event, both ends included, this
account among them. Accounts that come later do not change it until the account uses the entity again. So these features
depend on the order in which events arrive. With one partition that is the order of the topic, and the numbers are the
same every time. With several, what other partitions did at the same moment may or may not be counted yet. Late events
count for entities too, if they are not more than 24 hours older than the entity's newest. The features of sign-ups stay
as they were at the sign-up.

**Texts** are read through their disguise (look-alike letters, leet, spaced-out words, hidden marks). A feature of its
latest text stands as it was when the account's newest event with one arrived. Near duplicates are found among the texts
of all accounts (some {groups:,} groups are held, those idle longest go first), so these numbers depend on the order of
arrival as those of shared entities do. Likeness is the cosine of two texts' vectors, each cut to {dimensions} numbers
of four bits: within an account of the last 8 texts, and of the last one of each of the three others who wrote to it
latest. Scores of categories are those of the category model, stretched so that 0.5 is where a text counts as one.
"""


def page() -> str:
    """Write the page."""
    top = _TOP.format(
        command=COMMAND,
        count=len(catalogue.DEFAULT.names),
        held=HELD_MAX,
        members=MEMBERS_MAX,
        gap_days=GAP_MS_MAX / DAY,
        session=SESSION_MS / MINUTE,
        pair=PAIR_MS / HOUR,
        sorts=_sorts(),
        groups=CAPACITY,
        dimensions=VECTOR_DIMENSIONS,
        paces=PACES,
    )
    return "\n".join([top, *("\n".join(_lines(section)) for section in SECTIONS)])


def _sorts() -> str:
    named = (f"*{name}*" if types == (name,) else f"*{name}* ({', '.join(types)})" for name, types in ACTIONS)
    return textwrap.fill(f"**Sorts of action**, for what follows what: {'; '.join(named)}.", 120)


def _lines(section: Section) -> Iterator[str]:
    yield f"## {section.title}"
    yield ""
    yield section.about
    yield ""
    yield "| feature | entity | window | meaning | source |"
    yield "|---|---|---|---|---|"
    for feature in section.view:
        cells = (f"`{feature.name}`", feature.entity, feature.window, feature.meaning, source_of(feature))
        yield f"| {' | '.join(cells)} |"
    yield ""
