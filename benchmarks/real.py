"""Replay real, labelled data through the whole system, then train and evaluate on it.

Every set goes through an embedded broker and ``gillnet run --until-end`` with the shipped model (so its decisions say
how a model of synthetic streams behaves on real ones), then each half of its labelled accounts trains a model with
``gillnet train`` that ``gillnet evaluate`` judges on the other half.

Run: python benchmarks/real.py SOURCE [--sets NAME …], where SOURCE holds one folder a set and ``to_events.py``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
from rich.console import Console
from rich.table import Table

from detector.settings import Settings, load_settings
from flows.broker import EmbeddedBroker
from flows.clients import ensure_topics
from flows.producer import produce

if TYPE_CHECKING:
    from collections.abc import Iterator

SETS = ("botornot_x", "rsc_reddit_timestamps", "ira_trolls_en", "collegemsg", "ubuntu_irc", "wikiticker")
ACCOUNTS_MIN = 10
"""With fewer of a kind nothing is trained."""
BATCH = 5_000
REFERENCES = {"botornot_x": (0.995, 0.911), "rsc_reddit_timestamps": (0.981, 0.833)}
"""AUC and recall at 1 % false positives of a simple LightGBM on features made by hand for the set."""
GILLNET = str(Path(sys.executable).with_name("gillnet"))


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


def halves(events: Path, labels: pl.DataFrame, work: Path) -> list[tuple[Path, Path]]:
    """Split the labelled accounts in two, bots and humans evenly, and their events with them."""
    side = labels.sample(fraction=1, shuffle=True, seed=1).with_columns(
        half=pl.int_range(pl.len()).over("label").mod(2), account_id=pl.col("account_id").cast(pl.String)
    )
    half_of = dict(side.select("account_id", "half").iter_rows())
    found = [(work / f"events-{half}.jsonl", work / f"labels-{half}.csv") for half in (0, 1)]
    files = [path.open("wb") for path, _ in found]
    for batch in keyed(events):
        for key, value in batch:
            if (half := half_of.get(key.decode())) is not None:
                files[half].write(value + b"\n")
    for half, file in enumerate(files):
        file.close()
        side.filter(half=half).drop("half").write_csv(found[half][1])
    return found


def train_and_evaluate(events: Path, labels: pl.DataFrame, work: Path) -> list[dict[str, Any]]:
    """Train on each half, evaluate on the other; a set too small to halve is judged by its own folds."""
    if labels["label"].sum() < 2 * ACCOUNTS_MIN:
        told = ("--labels", str(work / "labels.csv"), "--output", str(work / "model"))
        return [gillnet("train", "--events", str(events), *told)["test"]]
    sides, answers = halves(events, labels, work), []
    for half, (train_events, train_labels) in enumerate(sides):
        model, (test_events, test_labels) = work / f"model-{half}", sides[1 - half]
        gillnet("train", "--events", str(train_events), "--labels", str(train_labels), "--output", str(model))
        answers.append(
            gillnet("evaluate", "--model", str(model), "--events", str(test_events), "--labels", str(test_labels))
        )
    return answers


def measure(name: str, source: Path, work: Path) -> list[str]:
    """Make one row of the table."""
    subprocess.run(
        [sys.executable, source / "to_events.py", name, source / name, work], check=True, capture_output=True
    )
    events, counted = work / "events.jsonl", replay(work / "events.jsonl", work)
    row = [f"{counted['read']:,}", f"{counted['events_per_second']:,.0f}", f"{counted['decisions']:,}"]
    row += [f"{counted['dead']:,}", f"{counted['late']:,}", f"{counted['duplicate']:,}"]
    if not (work / "labels.csv").exists():
        return [name, *row, "no labels", *["-"] * 6]
    labels = pl.read_csv(work / "labels.csv", schema_overrides={"account_id": pl.String})
    bots, people = int(labels["label"].sum()), len(labels) - int(labels["label"].sum())
    if min(bots, people) < ACCOUNTS_MIN:
        return [name, *row, f"{bots} / {people}", *["-"] * 6]
    answers = train_and_evaluate(events, labels, work)
    figures = [
        " / ".join("-" if a[key] is None else f"{a[key]:.3f}" for a in answers)
        for key in ("auc", "average_precision", "recall_at_fpr_1pct", "ece", "f1")
    ]
    reference = " / ".join(f"{figure:.3f}" for figure in REFERENCES[name]) if name in REFERENCES else "-"
    return [name, *row, f"{bots} / {people}", *figures, reference]


def main() -> None:
    """Measure the sets asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, help="which sets (default: all)")
    arguments = parser.parse_args()
    if not (arguments.source / "to_events.py").exists():
        parser.error(f"{arguments.source} holds no to_events.py; name the folder of the real data sets")
    console = Console(width=200)
    table = Table(title="Real data; AUC, average precision and recall: trained on one half / on the other")
    for column in ("set", "events", "events/s*", "decisions", "dead", "late", "duplicate", "bots / people"):
        table.add_column(column, justify="left" if column == "set" else "right")
    for column in ("AUC", "average precision", "recall at 1 % FP", "ECE", "F1", "reference AUC / recall"):
        table.add_column(column)
    for name in arguments.sets:
        with console.status(f"{name} …"), tempfile.TemporaryDirectory() as folder:
            table.add_row(*measure(name, arguments.source, Path(folder)))
    console.print(table)
    console.print("* wall clock, start-up of `gillnet run` included")


if __name__ == "__main__":
    main()
