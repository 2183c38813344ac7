"""Training and evaluation: a model from events and labels, and how well it does on others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from detector.contract.errors import UsageError
from detector.histories import History, Recipe, accounts_of, collect, score_history
from models import folder, plots
from models.card import Results, write_card
from models.folder import Manifest, Threshold, manifest_of, model_of
from models.history import Accounts, Points, Trace
from models.metrics import Metrics, measure
from models.model import STEPS
from models.split import Side, Split, split_accounts
from models.thresholds import choose_thresholds
from models.training import Fitted, fit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl

    from detector.histories import Events
    from models.model import Model


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What training came to."""

    version: str
    trees: int
    features: int
    split: str
    accounts: dict[str, dict[str, int]]
    thresholds: dict[str, Threshold]
    test: Metrics


def train(events: Callable[[], Events], labels: pl.DataFrame, output: Path, recipe: Recipe) -> Trained:
    """Train a model and write its folder; ``events`` is asked twice, for vectors and then for scores."""
    columns = recipe.columns()
    history = collect(events(), labels, recipe)
    split = split_accounts(history.accounts, recipe.options.seed)
    names = tuple(recipe.catalogue.names[i] for i in columns)
    points = Points(
        np.ascontiguousarray(history.points.vectors[:, columns]), history.points.account, history.points.nth
    )
    fitted = fit(points, history.accounts, split, names, recipe.options)
    draft = _manifest(fitted, names, recipe, dict.fromkeys(STEPS, Threshold(1.0, 0.0)), history)
    trace = score_history(events(), history.ids, model_of(draft, fitted.model_text), recipe)
    highest = trace.highest(len(history.accounts), recipe.events_min)
    humans = split.on(Side.VALIDATION) & ~history.accounts.is_bot
    manifest = _manifest(fitted, names, recipe, choose_thresholds(highest[humans]), history)
    tested = _on_side(history.accounts, trace, split, manifest.thresholds["review"].score, recipe.events_min)
    results = Results(
        manifest,
        fitted,
        history.accounts,
        split,
        trace,
        tested,
        recipe.events_min,
        recipe.synthetic,
        recipe.options,
    )
    _save(output, results)
    return Trained(
        version=manifest.version,
        trees=fitted.rounds,
        features=len(names),
        split=split.method,
        accounts=_sizes(history.accounts, split),
        thresholds=manifest.thresholds,
        test=tested,
    )


def evaluate(
    events: Events, labels: pl.DataFrame, model: Model, recipe: Recipe, threshold: float | None = None
) -> Metrics:
    """Measure a model on labelled events; flags are raised at ``threshold``, by default the model's for review."""
    ids = labels.select("account_id").unique().sort("account_id")
    trace = score_history(events, ids, model, recipe)
    seen = np.unique(trace.account)
    if not len(seen):
        raise UsageError("expected events of labelled accounts, got none; check that the ids match the events'")
    trace = Trace(np.searchsorted(seen, trace.account), trace.nth, trace.ts, trace.score)
    accounts = accounts_of(labels, ids[seen], trace.account, trace.ts)
    return measure(accounts, trace, model.thresholds["review"] if threshold is None else threshold, recipe.events_min)


def _manifest(
    fitted: Fitted, names: tuple[str, ...], recipe: Recipe, thresholds: dict[str, Threshold], history: History
) -> Manifest:
    options = recipe.options
    chosen = {"seed": options.seed, "rounds_max": options.rounds, "leaves": options.leaves}
    training = history.summary | chosen | {"synthetic": recipe.synthetic}
    return manifest_of(fitted.model_text, names, recipe.catalogue.names, fitted.calibration, thresholds, training)


def _on_side(accounts: Accounts, trace: Trace, split: Split, threshold: float, events_min: int) -> Metrics:
    """Measure on the test side alone."""
    chosen = np.flatnonzero(split.on(Side.TEST))
    rows = np.isin(trace.account, chosen)
    account = np.searchsorted(chosen, trace.account[rows])
    tested = Trace(account, trace.nth[rows], trace.ts[rows], trace.score[rows])
    return measure(accounts.at(chosen), tested, threshold, events_min)


def _sizes(accounts: Accounts, split: Split) -> dict[str, dict[str, int]]:
    sides = {side.name.lower(): accounts.is_bot[split.on(side)] for side in Side}
    return {name: {"humans": int((~is_bot).sum()), "bots": int(is_bot.sum())} for name, is_bot in sides.items()}


def _save(output: Path, results: Results) -> None:
    chosen = results.split.on(Side.TEST)
    scores = results.trace.final(len(results.accounts))[chosen]
    cuts = {step: threshold.score for step, threshold in results.manifest.thresholds.items()}
    pictures = plots.draw(results.accounts.is_bot[chosen], scores, cuts)
    folder.save(output, results.manifest, results.fitted.model_text, write_card(results), pictures)
