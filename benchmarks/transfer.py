"""Measure how a model does on what it never saw: a family of simulated bots left out, and a whole data set left out.

Families: trees learn from people and from the bots of all other families, and judge other people and half of the
campaigns of the family left out; beside it what they say of the same accounts having seen the family's other half.
Sets: trees learn from all other sets and judge the whole set left out; beside it the shipped model, and trees of the
set itself, each fold judged by those of the others. Training and evaluation are those of `gillnet train --vectors` and
`evaluate`, with few trees. Nothing that is trained here is kept: most licences allow to measure and no more.

Run: python benchmarks/transfer.py [SOURCE], where SOURCE (../shared/data) holds one folder a set and ``to_events.py``;
what is absent is left out.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_THREAD_LIMIT", "1")  # two threads on a busy machine wait for each other

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from rich.console import Console

from detector.contract.decode import DecodeLimits
from detector.contract.labels import read_labels
from detector.files import read_events
from detector.histories import Recipe, collect
from detector.simulator import Simulation, load_scenario, saving
from detector.simulator.scenario import BOT_FAMILIES
from detector.training import evaluate_vectors, train_on_vectors
from detector.vector_table import VectorTable
from features.catalogue import DEFAULT
from models import default, folder
from models.training import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.metrics import Metrics

SETS: Final = ("botornot_x", "rsc_reddit_timestamps", "wikiticker", "ubuntu_irc")
"""Real sets with both people and bots."""
SIMULATED: Final = "simulator"
EVENTS_EACH: Final = 300
"""Of an account, its first; more of a few would make most of a set's time."""
ACCOUNTS_MAX: Final = 1_500
"""Of a set, so that none outweighs the others; all of its bots, and some of its people."""
RECIPE: Final = Recipe(options=Options(rounds=100, resamples=1))
LIMITS: Final = DecodeLimits(event_bytes_max=1 << 18, ts_min_ms=0, future_ms_max=0)
CONSOLE: Final = Console(width=160)


def simulated(events: int, work: Path) -> tuple[VectorTable, pl.DataFrame]:
    """Simulate the platform that the shipped model is trained on, with more bots."""
    scenario = replace(load_scenario("train"), bots=0.4)
    simulation = Simulation(scenario, 21, events)
    saving.write_events(str(work / "events.jsonl"), simulation, lambda _: None)
    saving.write_labels(str(work / "labels.csv"), simulation.labels)
    return vectors(work, SIMULATED)


def real(name: str, source: Path, work: Path) -> tuple[VectorTable, pl.DataFrame]:
    """Read a real set, by the mapping that comes with it."""
    program = [sys.executable, source / "to_events.py", name, source / name, work]
    subprocess.run(program, check=True, capture_output=True)
    return vectors(work, name)


def vectors(work: Path, name: str) -> tuple[VectorTable, pl.DataFrame]:
    """Replay a set; the vectors along the histories of its labelled accounts, and their labels, under unique ids."""
    labels = read_labels(work / "labels.csv").sort("account_id")
    people = labels.filter(label=0)
    bots = labels.filter(label=1)
    people = people.sample(min(max(ACCOUNTS_MAX - len(bots), 0), len(people)), seed=1)
    labels = pl.concat([bots, people]).sort("account_id")
    history = collect(first_events(work / "events.jsonl"), labels, RECIPE)
    unique = pl.format(f"{name}/{{}}", "account_id").alias("account_id")
    owners = history.ids.select(unique)["account_id"].gather(history.points.account)
    known = labels.with_columns(unique, campaign=pl.format(f"{name}/{{}}", "campaign"))
    no_times = np.zeros(len(owners), np.int64)
    return VectorTable(owners, no_times, DEFAULT.names, history.points.vectors), known


def first_events(path: Path) -> Iterator[pl.DataFrame]:
    """Read the first events of each account."""
    seen: dict[str, int] = {}
    for decoded in read_events(path, LIMITS, int(time.time() * 1000)):
        kept = []
        for account in decoded.events["account_id"]:
            seen[account] = seen.get(account, 0) + 1
            kept.append(seen[account] <= EVENTS_EACH)
        yield decoded.events.filter(pl.Series(kept))


def learned(table: VectorTable, labels: pl.DataFrame, judged: pl.DataFrame, judged_in: VectorTable) -> Metrics:
    """Train on some accounts and judge others."""
    with tempfile.TemporaryDirectory() as place:
        train_on_vectors(table, labels, Path(place), RECIPE)
        return evaluate_vectors(judged_in, judged, folder.load(Path(place)))


def together(parts: list[tuple[VectorTable, pl.DataFrame]]) -> tuple[VectorTable, pl.DataFrame]:
    """Put sets together."""
    tables, labels = zip(*parts, strict=True)
    owners = pl.concat([table.account_ids for table in tables])
    values = np.concatenate([table.vectors for table in tables])
    return VectorTable(owners, np.zeros(len(owners), np.int64), DEFAULT.names, values), pl.concat(labels)


def halves(labels: pl.DataFrame) -> pl.Series:
    """Put each campaign, and each account without one, on one of two sides, whatever the other rows are."""
    group = labels.select(pl.coalesce("campaign", "account_id")).to_series()
    names = group.unique().sort()
    second = names.sample(len(names) // 2, seed=2)
    return group.is_in(second.to_list())


def families(simulation: tuple[VectorTable, pl.DataFrame]) -> Iterator[list[str]]:
    """Leave out each family in turn."""
    table, labels = simulation
    people = labels.filter(label=0)
    away = halves(people)
    for family in BOT_FAMILIES:
        bots = labels.filter(label=1, family=family)
        others = labels.filter(pl.col("label") == 1, pl.col("family") != family)
        second = halves(bots)
        judged = pl.concat([people.filter(away), bots.filter(second)])
        teaching = pl.concat([people.filter(~away), others])
        unseen = learned(table, teaching, judged, table)
        seen = learned(table, pl.concat([teaching, bots.filter(~second)]), judged, table)
        yield [family, f"{unseen.positives} / {unseen.n - unseen.positives}", *figures(unseen), *figures(seen)]


def sets(parts: dict[str, tuple[VectorTable, pl.DataFrame]]) -> Iterator[list[str]]:
    """Leave out each set in turn."""
    for name, (table, labels) in parts.items():
        others = together([part for other, part in parts.items() if other != name])
        unseen = learned(*others, labels, table)
        shipped = evaluate_vectors(table, labels, default())
        row = [name, f"{unseen.positives} / {unseen.n - unseen.positives}", *figures(unseen), *figures(shipped)]
        with tempfile.TemporaryDirectory() as place:
            own = train_on_vectors(table, labels, Path(place), RECIPE).test if unseen.positives >= 10 else None
        yield [*row, *(figures(own) if own else ["too few bots", "-"])]


def figures(found: Metrics) -> list[str]:
    """Write AUC and recall at 1 % false positives."""
    return ["-" if value is None else f"{value:.3f}" for value in (found.auc, found.recall_at_fpr_1pct)]


def show(heading: list[str], rows: Iterator[list[str]]) -> None:
    """Print a table in Markdown, row by row as they are found."""
    for row in (heading, ["---"] * len(heading)):
        CONSOLE.print("| " + " | ".join(row) + " |")
    for row in rows:
        CONSOLE.print("| " + " | ".join(row) + " |")


def main() -> None:
    """Measure both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--events", type=int, default=100_000, help="simulated events (default: 100,000)")
    parser.add_argument("--sets", nargs="*", choices=SETS, default=SETS, help="which real sets (default: all)")
    arguments = parser.parse_args()
    parts = {}
    with tempfile.TemporaryDirectory() as place, CONSOLE.status("simulating and replaying …"):
        parts[SIMULATED] = simulated(arguments.events, Path(place))
    CONSOLE.print(f"\nA family left out (synthetic, {arguments.events:,} events)\n")
    heading = [
        "family",
        "bots / people judged",
        "unseen: AUC",
        "recall at 1 % FP",
        "half seen: AUC",
        "recall at 1 % FP",
    ]
    show(heading, families(parts[SIMULATED]))
    for name in arguments.sets:
        if (arguments.source / name).is_dir():
            with tempfile.TemporaryDirectory() as place, CONSOLE.status(f"replaying {name} …"):
                parts[name] = real(name, arguments.source, Path(place))
        else:
            CONSOLE.print(f"{name} is not in {arguments.source} and left out")
    if len(parts) > 1:
        CONSOLE.print(f"\nA set left out (up to {ACCOUNTS_MAX:,} accounts each, their first {EVENTS_EACH} events)\n")
        heading = ["set", "bots / people", "others: AUC", "recall", "shipped: AUC", "recall", "itself: AUC", "recall"]
        show(heading, sets(parts))


if __name__ == "__main__":
    main()
