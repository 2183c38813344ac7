"""Flip some labels of a real set and measure what trees that learned from them make of accounts they never saw.

Each fifth of the accounts is judged, by its true labels, by trees that learned from the others, of whose labels a share
was flipped at random. *As given*: all labels teach alike. *Halved*: those in doubt count half, as with `gillnet train
--doubt-labels` (`models/label_doubt.py`). *Dropped*: accounts in doubt are left out.

Run: python benchmarks/label_noise.py [SOURCE] [--sets NAME …], where SOURCE (../shared/data) holds one folder a set.
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

import lightgbm as lgb
import numpy as np
from real import vectors_of
from rich.console import Console

from detector.contract.decode import DecodeLimits
from detector.contract.labels import read_labels
from detector.files import read_events
from detector.histories import Recipe, collect
from detector.vector_table import read_vectors
from models.history import Accounts, Points
from models.label_doubt import in_doubt
from models.metrics import auc, recall_at_fpr
from models.split import FOLDS, split_accounts
from models.training import Options, _parameters, _train

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SETS: Final = ("github_bimbas", "botornot_x", "wikiticker")
SHARES: Final = (0.0, 0.05, 0.1, 0.2)
ROUNDS: Final = 300
LIMITS: Final = DecodeLimits(event_bytes_max=1 << 18, ts_min_ms=0, future_ms_max=0)
CONSOLE: Final = Console(width=160)


def read(name: str, source: Path, work: Path) -> tuple[Points, Accounts, tuple[str, ...]]:
    """Read a set: vectors along the histories of its accounts."""
    if name == "github_bimbas":
        vectors, labels = vectors_of(source / name, work)
        known = read_vectors(vectors).labelled(read_labels(labels))
        return known.history.points, known.history.accounts, known.names
    program = [sys.executable, source / "to_events.py", name, source / name, work]
    subprocess.run(program, check=True, capture_output=True)
    batches = (d.events for d in read_events(work / "events.jsonl", LIMITS, int(time.time() * 1000)))
    history = collect(batches, read_labels(work / "labels.csv"), Recipe())
    return history.points, history.accounts, Recipe().catalogue.names


def flipped(accounts: Accounts, share: float, rng: np.random.Generator) -> Accounts:
    """Flip a share of the labels of each class."""
    wrong = np.zeros(len(accounts), np.bool_)
    for is_bot in (True, False):
        members = np.flatnonzero(accounts.is_bot == is_bot)
        wrong[rng.choice(members, round(share * len(members)), replace=False)] = True
    return replace(accounts, is_bot=accounts.is_bot ^ wrong)


def trees(points: Points, accounts: Accounts, names: tuple[str, ...], rows: NDArray[np.bool_]) -> lgb.Booster:
    """Train on some points, as `gillnet train` does."""
    return _train(points, accounts, names, rows, _parameters(Options(), accounts), ROUNDS)[0]


def at_end(points: Points, accounts: Accounts) -> NDArray[np.int64]:
    """Find the last point of each account."""
    return np.flatnonzero(points.nth == accounts.events[points.account])


def contradicted(points: Points, accounts: Accounts, names: tuple[str, ...], seed: int) -> NDArray[np.bool_]:
    """Find the accounts whose label trees that never saw them contradict, as confident learning does."""
    fold, ends = split_accounts(accounts, seed).fold, at_end(points, accounts)
    is_likely = np.zeros(len(accounts))
    for k in range(FOLDS):
        booster = trees(points, accounts, names, fold[points.account] != k)
        own = ends[fold[points.account[ends]] == k]
        is_likely[points.account[own]] = booster.predict(points.vectors[own], num_threads=1)
    return in_doubt(accounts.is_bot, is_likely)


WAYS: Final[dict[str, Callable[[NDArray[np.bool_]], NDArray[np.float64]]]] = {
    "as given": lambda doubtful: np.ones(len(doubtful)),
    "dropped": lambda doubtful: np.where(doubtful, 0.0, 1.0),
    "halved": lambda doubtful: np.where(doubtful, 0.5, 1.0),
}


def judged(
    points: Points, accounts: Accounts, names: tuple[str, ...], share: float, seed: int
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
    """Score every account in each way by trees that never saw it; count labels, those in doubt, the wrong of them."""
    fold, ends, rng = split_accounts(accounts, seed).fold, at_end(points, accounts), np.random.default_rng(seed)
    scores = {way: np.zeros(len(accounts)) for way in WAYS}
    found = np.zeros(3, np.int64)
    for k in range(FOLDS):
        mine = fold != k
        known = flipped(accounts.at(np.flatnonzero(mine)), share, rng)
        kept = points.of(mine)
        seen = Points(kept.vectors, np.searchsorted(np.flatnonzero(mine), kept.account), kept.nth)
        doubtful = contradicted(seen, known, names, seed)
        wrong = known.is_bot != accounts.is_bot[mine]
        found += [len(doubtful), doubtful.sum(), wrong[doubtful].sum()]
        own = ends[fold[points.account[ends]] == k]
        for way, weigh in WAYS.items():
            weight = weigh(doubtful)
            teaching = weight[seen.account] > 0
            booster = trees(seen, replace(known, weight=weight), names, teaching)
            scores[way][points.account[own]] = booster.predict(points.vectors[own], raw_score=True, num_threads=1)
    return scores, found


def main() -> None:
    """Print a table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, help="which sets (default: all)")
    parser.add_argument("--repeats", type=int, default=2, help="with other folds and other flips (default: 2)")
    arguments = parser.parse_args()
    heading = ["set", "flipped", "doubtful", "of them wrong", *(f"{way}: AUC, recall at 1 % FP" for way in WAYS)]
    for row in (heading, ["---"] * len(heading)):
        CONSOLE.print("| " + " | ".join(row) + " |")
    for name in arguments.sets:
        with tempfile.TemporaryDirectory() as folder:
            points, accounts, names = read(name, arguments.source, Path(folder))
        for share in SHARES:
            runs = [judged(points, accounts, names, share, seed) for seed in range(arguments.repeats)]
            labels, doubtful, wrong = np.sum([found for _, found in runs], axis=0)
            cells = []
            for way in WAYS:
                measures = [
                    (auc(accounts.is_bot, s[way]), recall_at_fpr(accounts.is_bot, s[way], 0.01)) for s, _ in runs
                ]
                cells.append("{:.3f}, {:.3f}".format(*np.mean(np.array(measures, float), axis=0)))
            of_them = f"{wrong / doubtful:.0%}" if doubtful else "-"
            row = [name, f"{share:.0%}", f"{doubtful / labels:.1%}", of_them, *cells]
            CONSOLE.print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
