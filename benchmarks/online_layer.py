"""Measure what a correction on top of the trees gains that learns from each label as it comes, beside training anew.

Accounts in the order they were first seen. Trees and calibration are those of `gillnet train` on the older half; the
newer half comes one by one, each is judged after its last event by what was known then, and its label comes when a
tenth of them has come after it. *Score*: a line over the champion's log-odds. *Leaves*: a weight for every leaf, added
to the log-odds. Both take a step of online logistic regression for every label, so long that it moves the account's own
log-odds by the rate times the error. *Anew*: trained from all labels there are, after each fifth of the newer half.

The simulator's families are held out in turn: the older half holds none of that family's bots, the newer half all.

Run: python benchmarks/online_layer.py [SOURCE] [--sets NAME …] [--seeds N], where SOURCE (../shared/data) holds one
folder a set. github_bimbas has no times: there the order is drawn.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_THREAD_LIMIT", "1")  # two threads on a busy machine wait for each other

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import lightgbm as lgb
import numpy as np
from label_noise import LIMITS, at_end, read
from rich.console import Console
from sklearn.metrics import log_loss

from detector.contract.labels import read_labels
from detector.files import read_events
from detector.histories import Recipe, collect
from detector.simulator import Simulation, load_scenario, saving
from detector.simulator.scenario import BOT_FAMILIES
from models.calibration import expected_calibration_error
from models.history import Accounts, Points
from models.metrics import auc, recall_at_fpr
from models.split import split_accounts
from models.training import Fitted, Options, fit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SETS: Final = ("botornot_x", "wikiticker", "github_bimbas", "simulator")
ROUNDS: Final = 100
RATES: Final = (0.1, 0.3, 1.0, 3.0)
DELAY: Final = 0.1
"""Of the newer half, how much comes before an account's label does."""
PARTS: Final = 5
"""The newer half is cut into so many; before each but the first, trees are trained anew."""
SURE: Final = 1e-4
"""A probability nearer to 0 or 1 counts as this near: log-odds stay finite."""
CONSOLE: Final = Console(width=200)


def some(points: Points, accounts: Accounts, chosen: NDArray[np.int64]) -> tuple[Points, Accounts]:
    """Keep some accounts, renumbered in their order."""
    chosen = np.sort(chosen)
    mask = np.zeros(len(accounts), np.bool_)
    mask[chosen] = True
    kept = points.of(mask)
    return Points(kept.vectors, np.searchsorted(chosen, kept.account), kept.nth), accounts.at(chosen)


def trained(points: Points, accounts: Accounts, chosen: NDArray[np.int64], names: tuple[str, ...], seed: int) -> Fitted:
    """Train as `gillnet train` does, with fewer trees."""
    theirs, known = some(points, accounts, chosen)
    return fit(theirs, known, split_accounts(known, seed), names, Options(seed=seed, rounds=ROUNDS))


def log_odds(fitted: Fitted, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Judge by trees and their calibration."""
    raw = np.asarray(lgb.Booster(model_str=fitted.model_text).predict(vectors, raw_score=True, num_threads=1))
    sure = np.clip(fitted.calibration.probabilities(raw), SURE, 1 - SURE)
    result: NDArray[np.float64] = np.log(sure / (1 - sure))
    return result


def leaf_rows(fitted: Fitted, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mark the leaf of every tree that a vector falls into."""
    leaves = np.asarray(lgb.Booster(model_str=fitted.model_text).predict(vectors, pred_leaf=True, num_threads=1))
    leaves = leaves.reshape(len(vectors), -1).astype(np.int64)
    sizes = leaves.max(axis=0) + 1
    rows = np.zeros((len(vectors), int(sizes.sum())))
    np.put_along_axis(rows, leaves + np.cumsum(sizes) - sizes, 1.0, axis=1)
    return rows


def followed(
    start: NDArray[np.float64], rows: NDArray[np.float64], is_bot: NDArray[np.bool_], rate: float
) -> NDArray[np.float64]:
    """Judge rows in their order: the champion's log-odds, and on top what the labels so far taught."""
    weights, delay, found = np.zeros(rows.shape[1]), round(DELAY * len(rows)), start.copy()
    for now in range(len(rows)):
        if now >= delay:
            row = rows[now - delay]
            error = is_bot[now - delay] - 1 / (1 + np.exp(-(start[now - delay] + weights @ row)))
            weights += rate * error / (row @ row) * row
        found[now] += weights @ rows[now]
    return found


def anew(
    points: Points, accounts: Accounts, names: tuple[str, ...], teaching: NDArray[np.int64], coming: NDArray[np.int64],
    champion: NDArray[np.float64], seed: int,
) -> NDArray[np.float64]:  # fmt: skip
    """Judge the accounts that come by trees trained anew after each part of them."""
    ends, found, delay = at_end(points, accounts), champion.copy(), round(DELAY * len(coming))
    for part in np.array_split(np.arange(len(coming)), PARTS)[1:]:
        labelled = coming[: part[0] - delay]
        fitted = trained(points, accounts, np.concatenate([teaching, labelled]), names, seed)
        found[part] = log_odds(fitted, points.vectors[ends[coming[part]]])
    return found


def judged(
    points: Points, accounts: Accounts, names: tuple[str, ...], held_out: NDArray[np.bool_], seed: int
) -> tuple[str, dict[str, list[float]]]:
    """Follow the newer half in each way; how many bots and people it has, and the figures of each."""
    drawn = np.random.default_rng(seed).permutation(len(accounts))  # the order of those first seen at one time
    order = np.lexsort((drawn, accounts.first_ms))
    older, coming = order[: len(order) // 2], order[len(order) // 2 :]
    teaching, ends, is_bot = older[~held_out[older]], at_end(points, accounts), accounts.is_bot[coming]
    champion = trained(points, accounts, teaching, names, seed)
    vectors = points.vectors[ends[coming]]
    start = log_odds(champion, vectors)
    line, leaves = np.column_stack([start, np.ones(len(start))]), leaf_rows(champion, vectors)
    ways = {"champion": start}
    ways |= {f"score, {rate}": followed(start, line, is_bot, rate) for rate in RATES}
    ways |= {f"leaves, {rate}": followed(start, leaves, is_bot, rate) for rate in RATES}
    ways["anew"] = anew(points, accounts, names, teaching, coming, start, seed)
    return f"{is_bot.sum():,} / {(~is_bot).sum():,}", {way: figures(is_bot, found) for way, found in ways.items()}


def figures(is_bot: NDArray[np.bool_], found: NDArray[np.float64]) -> list[float]:
    """Measure: AUC, recall at 1 % false positives, expected calibration error, log loss."""
    score = 1 / (1 + np.exp(-np.clip(found, -20, 20)))
    found_of = auc(is_bot, score) or 0.0, recall_at_fpr(is_bot, score, 0.01) or 0.0
    return [*found_of, expected_calibration_error(is_bot, score), float(log_loss(is_bot, score))]


def simulated(work: Path) -> tuple[Points, Accounts, dict[str, NDArray[np.bool_]]]:
    """Simulate the platform that the shipped model is trained on, with more bots; and tell the families apart."""
    simulation = Simulation(replace(load_scenario("train"), bots=0.4), 21, 100_000)
    saving.write_events(str(work / "events.jsonl"), simulation, lambda _: None)
    saving.write_labels(str(work / "labels.csv"), simulation.labels)
    labels = read_labels(work / "labels.csv")
    batches = (d.events for d in read_events(work / "events.jsonl", LIMITS, int(time.time() * 1000)))
    history = collect(batches, labels, Recipe())
    family = history.ids.join(labels, on="account_id", maintain_order="left")["family"].fill_null("")
    return history.points, history.accounts, {name: (family == name).to_numpy() for name in BOT_FAMILIES}


def streams(name: str, source: Path) -> Iterator[tuple[str, Points, Accounts, tuple[str, ...], NDArray[np.bool_]]]:
    """Give what there is to follow, with the accounts the champion never saw the like of."""
    with tempfile.TemporaryDirectory() as work:
        if name == "simulator":
            points, accounts, families = simulated(Path(work))
            names = Recipe().catalogue.names
        else:
            (points, accounts, names), families = read(name, source, Path(work)), {}
    yield name, points, accounts, names, np.zeros(len(accounts), np.bool_)
    for family, members in families.items():
        yield f"{name} without {family}", points, accounts, names, members


def main() -> None:
    """Print a table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, help="which sets (default: all)")
    parser.add_argument("--seeds", type=int, default=1, help="how often trees and order are drawn (default: 1)")
    arguments = parser.parse_args()
    heading = ["set", "bots / people", "way", "AUC", "recall at 1 % FP", "ECE", "log loss"]
    for row in (heading, ["---"] * len(heading)):
        CONSOLE.print("| " + " | ".join(row) + " |")
    for name in arguments.sets:
        for stream, points, accounts, names, held_out in streams(name, arguments.source):
            runs = [judged(points, accounts, names, held_out, seed) for seed in range(arguments.seeds)]
            for way in runs[0][1]:
                means = np.mean([found[way] for _, found in runs], axis=0)
                CONSOLE.print("| " + " | ".join([stream, runs[0][0], way, *(f"{mean:.3f}" for mean in means)]) + " |")


if __name__ == "__main__":
    main()
