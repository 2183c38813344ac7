"""Replay real, labelled data through the whole system, then train on it and judge each account by trees that never did.

Every set goes through an embedded broker and ``gillnet run --until-end`` with the shipped model, so its decisions say
how a model of synthetic streams behaves on real ones. Then ``gillnet train`` learns from it, with the settings it has
for everybody: the figures are its cross-validation, five folds with no account and no campaign on two sides, and the
newest accounts judged by trees of the older. A set of vectors goes through ``gillnet train --vectors``. Sets of single
messages have no accounts to judge: ``just bench categories`` measures those.

Run: python benchmarks/real.py SOURCE [--sets NAME …], where SOURCE holds one folder a set and ``to_events.py``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
from rich.console import Console

from detector.settings import Settings, load_settings
from flows.broker import EmbeddedBroker
from flows.clients import ensure_topics
from flows.producer import produce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCOUNTS_MIN = 10
"""With fewer of a kind nothing is trained."""
BATCH = 5_000
TIMES = ("event_id", "type", "account_id", "ts")
"""What is left of an event where only its time may count."""
GILLNET = str(Path(sys.executable).with_name("gillnet"))
CONSOLE = Console(width=250)


@dataclass(frozen=True)
class Reading:
    """A set, read in one way, and the AUC and recall at 1 % false positives of others on it."""

    of: str
    how: str = "all"
    reference: str = "-"


LIGHTGBM = "LightGBM on features made by hand: {} / {}"
READINGS = (
    Reading("botornot_x", "all", LIGHTGBM.format(".995", ".911")),
    Reading("botornot_x", "timing only", LIGHTGBM.format(".942", ".611")),
    Reading("rsc_reddit_timestamps", "all", LIGHTGBM.format(".981", ".833")),
    Reading("rsc_reddit_timestamps", "first 50", LIGHTGBM.format(".960", ".778")),
    Reading("wikiticker"),
    Reading("ubuntu_irc"),
    Reading("collegemsg"),
    Reading("ira_trolls_en"),
    Reading("github_bimbas", "vectors", "published weighted F1 .899; untuned LightGBM AUC .970"),
)
SETS = tuple(dict.fromkeys(reading.of for reading in READINGS))


def gillnet(*arguments: str) -> dict[str, Any]:
    """Run a command and return what it says as JSON; its complaint if it fails."""
    done = subprocess.run([GILLNET, *arguments, "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"gillnet {arguments[0]} failed: {done.stderr.strip()[-800:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def keyed(events: Path) -> Iterator[list[tuple[bytes, bytes]]]:
    """Read events in batches, each with its account as key."""
    account = msgspec.json.Decoder(msgspec.defstruct("Keyed", [("account_id", str)]))
    batch: list[tuple[bytes, bytes]] = []
    with events.open("rb") as lines:
        for line in lines:
            batch.append((account.decode(line).account_id.encode(), line.rstrip()))
            if len(batch) == BATCH:
                yield batch
                batch = []
    yield batch


def replay(events: Path, work: Path) -> dict[str, Any]:
    """Send a set through broker and flow; what the run counted, and events a second with start-up in it."""
    with EmbeddedBroker() as own:
        address = own.bootstrap_servers
        settings: Settings = load_settings(bootstrap_servers=address)
        ensure_topics(settings)
        produce(settings, settings.events_topic, keyed(events), None, None)
        started = time.monotonic()
        counted = gillnet(
            *("run", "--until-end", "--bootstrap-servers", address, "--metrics-port", "0"),
            *("--state-dir", str(work / "state"), "--lake-dir", str(work / "lake")),
        )
    return {**counted, "events_per_second": counted["read"] / (time.monotonic() - started)}


def decided(lake: Path, accounts: set[str]) -> list[str]:
    """Say how many of some accounts had a verdict, and how many one of ``limit`` or ``block``."""
    files = sorted(lake.glob("decisions/*/*.parquet"))
    if not accounts:
        return ["-", "-"]
    found = pl.concat([pl.read_parquet(file, columns=["account_id", "verdict"]) for file in files]) if files else None
    shares = []
    for verdicts in (("review", "challenge", "limit", "block"), ("limit", "block")):
        had = set() if found is None else set(found.filter(pl.col("verdict").is_in(verdicts))["account_id"])
        count = len(had & accounts)
        shares.append(f"{count:,} of {len(accounts):,} ({count / len(accounts):.2%})")
    return shares


def through_the_system(name: str, events: Path, labels: pl.DataFrame | None, work: Path) -> list[str]:
    """Make a row about what the shipped model does on the stream; whoever has no label is taken for a person."""
    counted = replay(events, work)
    account = msgspec.json.Decoder(msgspec.defstruct("Keyed", [("account_id", str)]))
    with events.open("rb") as lines:
        everybody = {account.decode(line).account_id for line in lines}
    bots = set() if labels is None else set(labels.filter(label=1)["account_id"]) & everybody
    row = [name, f"{counted['read']:,}", f"{counted['events_per_second']:,.0f}", f"{counted['decisions']:,}"]
    row += [f"{counted[key]:,}" for key in ("dead", "late", "duplicate")]
    return [*row, *decided(work / "lake", everybody - bots), *decided(work / "lake", bots)]


def only_times(event: dict[str, Any], seen: int) -> dict[str, Any] | None:
    """Keep of an event when it was; what a profile says has no time of its own."""
    del seen
    return None if event["type"] == "profile_update" else {name: event[name] for name in TIMES}


def first_50(event: dict[str, Any], seen: int) -> dict[str, Any] | None:
    """Keep an account's first events."""
    return event if seen <= 50 else None


WAYS: dict[str, Callable[[dict[str, Any], int], dict[str, Any] | None]] = {
    "timing only": only_times,
    "first 50": first_50,
}


def read_so(how: str, events: Path, work: Path) -> Path:
    """Write the events as they are to be read; ``seen`` counts those of the account, this one with them."""
    if how not in WAYS:
        return events
    output, counts, kept = work / f"{how.replace(' ', '-')}.jsonl", dict[str, int](), WAYS[how]
    with events.open("rb") as lines, output.open("wb") as file:
        for line in lines:
            event = msgspec.json.decode(line)
            seen = counts[event["account_id"]] = counts.get(event["account_id"], 0) + 1
            left = kept(event, seen)
            if left is not None:
                file.write(msgspec.json.encode(left) + b"\n")
    return output


def cross_validated(reading: Reading, material: tuple[str, Path], labels: Path | None, work: Path) -> list[str]:
    """Make a row about what trees say of accounts they never saw."""
    heading = [f"{reading.of}, {reading.how}"]
    if labels is None:
        return [*heading, "no labels", *["-"] * 9, reading.reference]
    known = pl.read_csv(labels, schema_overrides={"account_id": pl.String})
    bots, people = int(known["label"].sum()), len(known) - int(known["label"].sum())
    heading.append(f"{bots:,} / {people:,}")
    if min(bots, people) < ACCOUNTS_MIN:
        return [*heading, "too few of a kind", *["-"] * 8, reading.reference]
    kind, path = material
    trained = gillnet("train", f"--{kind}", str(path), "--labels", str(labels), "--output", str(work / "model"))
    test, newer = trained["test"], trained["newer"]
    keys = ("auc", "average_precision", "recall_at_fpr_1pct", "recall_at_fpr_0_1pct", "f1", "f1_weighted", "ece")
    figures = [_figure(test[key]) for key in keys] + [f"{_figure(newer['auc'])} ({newer['positives']} bots)"]
    flagged = test["median_events_to_flag"]
    return [*heading, *figures, "-" if flagged is None or kind == "vectors" else f"{flagged:,.0f}", reading.reference]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def vectors_of(source: Path, work: Path) -> tuple[Path, Path]:
    """Write the table of vectors and the labels of a set that is given as features."""
    rows = pl.read_parquet(source / "train.parquet")
    numbered = rows.with_columns(account_id=pl.format("account-{}", pl.int_range(pl.len())))
    vectors, labels = work / "vectors.parquet", work / "labels.csv"
    numbered.drop("contributor", "bot").write_parquet(vectors)  # the name leaks, says SOURCE.txt
    numbered.select("account_id", label=pl.col("bot").cast(pl.Int8)).write_csv(labels)
    return vectors, labels


def measure(name: str, source: Path, work: Path) -> tuple[list[str] | None, list[list[str]]]:
    """Make the rows about a set: of the stream, and of each way to read it."""
    readings = [reading for reading in READINGS if reading.of == name]
    if readings[0].how == "vectors":
        vectors, labels = vectors_of(source / name, work)
        return None, [cross_validated(readings[0], ("vectors", vectors), labels, work)]
    program = [sys.executable, source / "to_events.py", name, source / name, work]
    subprocess.run(program, check=True, capture_output=True)
    events, told = work / "events.jsonl", work / "labels.csv"
    given = told if told.exists() else None
    known = None if given is None else pl.read_csv(given, schema_overrides={"account_id": pl.String})
    streamed = through_the_system(name, events, known, work)
    return streamed, [cross_validated(r, ("events", read_so(r.how, events, work)), given, work) for r in readings]


def show(title: str, heading: tuple[str, ...], rows: list[list[str]]) -> None:
    """Print a table in Markdown."""
    CONSOLE.print(f"\n{title}\n")
    for row in (heading, ["---"] * len(heading), *rows):
        CONSOLE.print("| " + " | ".join(row) + " |", markup=False)


def main() -> None:
    """Measure the sets asked for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, help="which sets (default: all)")
    arguments = parser.parse_args()
    if not (arguments.source / "to_events.py").exists():
        parser.error(f"{arguments.source} holds no to_events.py; name the folder of the real data sets")
    streamed, judged = [], []
    for name in arguments.sets:
        with CONSOLE.status(f"{name} …"), tempfile.TemporaryDirectory() as folder:
            of_stream, of_models = measure(name, arguments.source, Path(folder))
        streamed += [] if of_stream is None else [of_stream]
        judged += of_models
    show(
        "Trained on the set, each account judged by trees that never saw it",
        ("set, read", "bots / people", "AUC", "average precision", "recall at 1 % FP", "at 0.1 %", "F1", "weighted F1",
         "ECE", "newer by older: AUC", "events to first flag", "reference: AUC / recall at 1 % FP"),
        judged,
    )  # fmt: skip
    if streamed:
        show(
            "Through the stream, by the shipped model (events a second: wall clock, start-up included)",
            ("set", "events", "a second", "decisions", "dead", "late", "duplicate", "people with a verdict",
             "people limited or blocked", "bots with a verdict", "bots limited or blocked"),
            streamed,
        )  # fmt: skip


if __name__ == "__main__":
    main()
