"""Measure the tiers that every message goes through, end to end: what each costs, and the memory of all.

Normalising, contacts, near duplicates, vectors, the account's own last texts and known templates (10,000 of them), on
the messages of ubuntu_irc in their order; who is addressed by name is taken as the target.

Run: python benchmarks/tiers.py [SOURCE], where SOURCE is ../shared/data. One thread; CPU time, the best of three runs,
each from an empty state. Reading the messages into text columns is not timed.
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
    from bank import texts_of
    from text import BATCH, CONSOLE, read
else:
    from benchmarks.bank import texts_of
    from benchmarks.text import BATCH, CONSOLE, read
from detector.contract.campaigns import campaign_id
from features import messages as m
from features.columns import ACCOUNT, EVENT, HALVES, RECEIVED, SHAPE, TARGET, TS, EventColumns
from features.hashing import keys
from features.slots import SlotTable
from features.state import both_roles
from features.text.column import TextColumn
from features.text.contacts import find_contacts
from features.text.fold import normalise
from features.text.history import TextHistory
from features.text.language import guess_languages
from features.text.near_duplicates import NearDuplicates
from features.text.signatures import sign
from models.bank import TemplateBank
from models.encoder import StaticEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

STAGES: Final = ("normalising", "contacts", "language", "near duplicates", "vectors", "known templates", "own texts")
WEEK_MS: Final = 7 * 86_400_000


class Part(NamedTuple):
    """Some messages."""

    texts: TextColumn
    columns: EventColumns
    """Who wrote when and to whom; the stages fill in the rest."""


class Tiers:
    """All that messages go through, with what it remembers."""

    def __init__(self, encoder: StaticEncoder, bank: TemplateBank) -> None:
        self._encoder, self._bank = encoder, bank
        self.near, self.history, self._slots = NearDuplicates(), TextHistory(), SlotTable()
        self.seconds = np.zeros(len(STAGES))

    def process(self, part: Part) -> None:
        """Take messages in, and note what each stage took."""
        texts, columns = part
        rows, times = np.arange(len(columns)), [time.process_time()]
        folded, full = normalise(texts)
        times.append(time.process_time())
        find_contacts(texts)
        times.append(time.process_time())
        columns.measures[:, m.LANGUAGE] = guess_languages(texts)
        times.append(time.process_time())
        signatures = sign(full)
        leaders = self.near.process(signatures, columns.account, columns.ts, texts).leaders
        columns.halves[rows, SHAPE] = (leaders >> np.uint64(32)).astype(np.uint32).view(np.int32)
        times.append(time.process_time())
        vectors = self._encoder.encode(folded)
        columns.vectors[:] = m.pack(vectors)
        times.append(time.process_time())
        columns.measures[:, m.TEMPLATE] = 1000 * self._bank.match(signatures, vectors)[0]
        times.append(time.process_time())
        roles = both_roles(columns)
        of = np.where(roles & 1 == 1, columns.words[roles >> 1, TARGET], columns.words[roles >> 1, ACCOUNT])
        self.history.process(columns, roles, self._slots.find_or_add(of.view(np.uint64)), WEEK_MS)
        times.append(time.process_time())
        self.seconds += np.diff(times)

    @property
    def senders(self) -> int:
        """Return the number of accounts that wrote or were written to."""
        return len(self._slots)


def parts_of(rows: pl.DataFrame) -> Iterator[Part]:
    """Give messages in batches."""
    named = rows["text"].str.extract(r"^([^\s:,]+)[:,] ")
    words = np.zeros((len(rows), 6), np.int64)
    people = keys(rows["user"])
    target = np.where(named.is_in(rows["user"].unique().implode()).fill_null(value=False), keys(named.fill_null("")), 0)
    words[:, TS] = rows["ts"].dt.timestamp("ms")
    words[:, ACCOUNT], words[:, EVENT] = people.view(np.int64), np.arange(1, len(rows) + 1)
    words[:, TARGET] = np.where(target == people, 0, target).astype(np.uint64).view(np.int64)
    words[:, RECEIVED] = words[:, TARGET] != 0
    for at in range(0, len(rows), BATCH):
        some = words[at : at + BATCH].copy()
        halves = np.full((len(some), HALVES), -1, np.int32)
        vectors = np.zeros((len(some), m.VECTOR_BYTES), np.uint8)
        yield Part(TextColumn.of(rows["text"][at : at + BATCH]), EventColumns(some, halves, vectors))


def resident() -> int:
    """Return the bytes this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Print what each stage costs and what all take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    source = parser.parse_args().source
    rows = read(source, "ubuntu_irc", "train.parquet")
    if rows is None:
        return
    rows = rows.filter((pl.col("kind") == "msg") & pl.col("ts").is_not_null()).sort("ts", maintain_order=True)
    spam, filling, _ = texts_of(source)
    before = resident()
    encoder = StaticEncoder.load()
    bank = TemplateBank(encoder)
    bank.add([*spam, *filling], campaign_id(1))
    runs: list[NDArray[np.float64]] = []
    for _ in range(3):
        tiers = Tiers(encoder, bank)
        for part in parts_of(rows):
            tiers.process(part)
        runs.append(tiers.seconds / len(rows) * 1e6)
    best = min(runs, key=lambda run: float(run.sum()))
    CONSOLE.print(f"{len(rows)} messages in batches of {BATCH}, {len(bank)} templates; µs of CPU each:")
    for stage, each in zip(STAGES, best, strict=True):
        CONSOLE.print(f"  {stage:16} {each:5.1f}")
    rates = ", ".join(f"{1e6 / run.sum():,.0f}" for run in runs)
    CONSOLE.print(f"  all              {best.sum():5.1f}: messages per CPU-second in three runs {rates}")
    grown, kept = resident() - before, tiers.history.nbytes
    CONSOLE.print(
        f"{grown / 2**20:.0f} MB more in memory than before (models and 10,000 templates included), of which "
        f"{tiers.near.nbytes / 2**20:.0f} MB near duplicates and {kept / tiers.senders:.0f} bytes each for "
        f"{tiers.senders} accounts"
    )


if __name__ == "__main__":
    main()
