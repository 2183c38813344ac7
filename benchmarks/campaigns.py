"""Measure which campaigns are found: those of a troll farm, and those where there should be none.

Run: python benchmarks/campaigns.py [SOURCE], where SOURCE (../shared/data) holds ira_trolls_en and ubuntu_irc; what is
absent is left out. No verdicts are told, so nothing is learned to be benign. One thread; CPU time.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

if __package__ in (None, ""):
    from text import CONSOLE, read
else:
    from benchmarks.text import CONSOLE, read
from detector.campaigns import Batch, Campaigns
from detector.contract.campaigns import campaign_id
from features.hashing import keys
from features.text.column import TextColumn
from features.text.contacts import find_contacts
from features.text.fold import normalise
from features.text.language import guess_languages
from features.text.near_duplicates import NearDuplicates
from features.text.signatures import sign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detector.contract.campaigns import Campaign
    from features.text.near_duplicates import Matches

BATCH: Final = 256
SENDERS_MIN: Final = 3
SHOWN: Final = 12


class Replayed(NamedTuple):
    """What became of a stream."""

    messages: pl.DataFrame
    """``account, text, ts``, what else there was, ``copies``: the group of near duplicates, 0 for a text too short for
    any, and ``campaign``: the id, or null."""
    campaigns: dict[str, Campaign]
    seconds: float
    """CPU seconds that campaigns took: not near duplicates, contacts and languages."""


def batches(messages: pl.DataFrame) -> Iterator[tuple[Batch, Matches]]:
    """Give messages as the stream sees them, with what they are near duplicates of."""
    near = NearDuplicates()
    for part in messages.iter_slices(BATCH):
        texts, senders = TextColumn.of(part["text"]), keys(part["account"])
        ts = part["ts"].dt.timestamp("ms").to_numpy().astype(np.int64)
        matches = near.process(sign(normalise(texts).full), senders, ts, texts)
        yield Batch(senders, part["account"], ts, guess_languages(texts), texts, find_contacts(texts)), matches


def replay(messages: pl.DataFrame) -> Replayed:
    """Send messages through near duplicates and campaigns."""
    messages = messages.drop_nulls("ts").sort("ts", maintain_order=True).with_columns(pl.col("account").cast(pl.String))
    published: dict[str, Campaign] = {}
    campaigns, numbers, copies, seconds = Campaigns(), [], [], 0.0
    for batch, matches in batches(messages):
        started = time.process_time()
        numbers.append(campaigns.observe(batch, matches).campaigns)
        published |= {campaign.campaign_id: campaign for campaign in campaigns.updated()}
        seconds += time.process_time() - started
        copies.append(matches.leaders)
    names = [_root(campaign_id(number), published) if number else None for number in np.concatenate(numbers).tolist()]
    told = messages.with_columns(copies=pl.Series(np.concatenate(copies)), campaign=pl.Series(names, dtype=pl.String))
    return Replayed(told, published, seconds)


def _root(name: str, campaigns: dict[str, Campaign]) -> str:
    while (into := campaigns[name].merged_into) is not None:
        name = into
    return name


def members_of(replayed: Replayed) -> dict[str, set[str]]:
    """Give the accounts in each campaign that is not part of another."""
    return {name: set(c.member_ids) for name, c in replayed.campaigns.items() if c.merged_into is None}


def measure_trolls(source: Path) -> None:
    """Print how many copy groups of three accounts or more are one campaign, with all their accounts."""
    rows = read(source, "ira_trolls_en", "en_2015_01_03.parquet")
    if rows is None:
        return
    found = replay(rows.select(account="author_id", text="content", ts="publish_date", group="norm_group_id"))
    members, one, whole = members_of(found), 0, 0
    groups = found.messages.drop_nulls("group").filter(pl.col("account").n_unique().over("group") >= SENDERS_MIN)
    parts = groups.partition_by("group")
    for part in parts:
        names = set(part["campaign"].drop_nulls())
        one += len(names) == 1
        whole += len(names) == 1 and set(part["account"]) <= members[next(iter(names))]
    CONSOLE.print(
        f"ira_trolls_en: of {len(parts)} texts that three accounts or more sent, {one / len(parts):.4f} are in one "
        f"campaign, {whole / len(parts):.4f} with all their accounts; {_cost(found)}"
    )


def measure_chat(source: Path) -> None:
    """Print how many people of a help channel are in campaigns, and what those are."""
    rows = read(source, "ubuntu_irc", "train.parquet")
    if rows is None:
        return
    found = replay(rows.filter(pl.col("kind") == "msg").select(account="user", text="text", ts="ts"))
    people, members = found.messages["account"].n_unique(), members_of(found)
    within = set().union(*members.values())
    theirs = found.messages.filter(pl.col("account").is_in(within))
    alone = (pl.col("copies") == 0) | (pl.col("account").n_unique().over("copies") == 1)
    chatting = theirs.filter(alone)["account"].n_unique()
    CONSOLE.print(
        f"ubuntu_irc: {len(within)} of {people} people ({len(within) / people:.2%}) are in {len(members)} campaigns; "
        f"{chatting} of them ({chatting / people:.2%}) ever wrote a text that no other of them did; {_cost(found)}"
    )
    for campaign in sorted(found.campaigns.values(), key=lambda c: (-c.members, c.campaign_id))[:SHOWN]:
        CONSOLE.print(
            f"  {campaign.members} members, {campaign.messages} messages: {campaign.template[:80]}", markup=False
        )


def _cost(found: Replayed) -> str:
    return f"{found.seconds / len(found.messages) * 1e6:.1f} µs a message in batches of {BATCH}"


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    source = parser.parse_args().source
    measure_trolls(source)
    measure_chat(source)


if __name__ == "__main__":
    main()
