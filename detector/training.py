"""Training and evaluation: a model from events and labels, and how well it does on others."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from detector.contract.errors import UsageError
from detector.drift import Sampling
from detector.histories import accounts_of, collect, score_history
from detector.segments import Segments
from models import folder, plots
from models.card import Results, write_card
from models.folder import Manifest, Threshold, manifest_of, model_of
from models.history import Accounts, Points, Trace
from models.metrics import Metrics, Ranking, measure, rank
from models.model import STEPS, FoldModels
from models.segments import SegmentRate, false_positives
from models.split import FOLDS, Side, Split, split_accounts
from models.thresholds import choose_thresholds, highest_of
from models.training import Fitted, fit
from models.vector_file import VectorFile, pieces

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl
    from numpy.typing import NDArray

    from detector.histories import Events, History, Judge, Recipe
    from detector.vector_table import VectorTable
    from models.drift import Reference
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
    """Of all accounts, each judged by trees that never saw it."""
    newer: Ranking
    """Of the newer accounts, judged by trees that saw the older ones."""


def train(events: Callable[[], Events], labels: pl.DataFrame, output: Path, recipe: Recipe) -> Trained:
    """Train a model on events and write its folder; they are asked for twice, for vectors and then for scores."""
    names = recipe.catalogue.names
    recipe.columns(names)
    segments = Segments(labels)
    history = collect(segments.watch(events()), labels, recipe)

    def traced(judge: Judge) -> Trace:
        return score_history(events(), history.ids, judge, recipe, history.until_ms)

    return _train(history, names, traced, output, recipe, segments.of(history.ids))


def train_on_vectors(table: VectorTable, labels: pl.DataFrame, output: Path, recipe: Recipe) -> Trained:
    """Train a model on vectors that were made elsewhere and write its folder; every row is a point to judge at."""
    chosen = tuple(table.names[i] for i in recipe.columns(table.names))
    known = table.labelled(labels, chosen)
    return _train(known.history, table.names, known.trace, output, replace(recipe, events_min=1))


def _train(
    history: History,
    all_names: tuple[str, ...],
    traced: Callable[[Judge], Trace],
    output: Path,
    recipe: Recipe,
    segments: pl.DataFrame | None = None,
) -> Trained:
    """Train on vectors; thresholds and figures come from scores by trees that never saw the account they judge."""
    columns = recipe.columns(all_names)
    accounts, split = history.accounts, split_accounts(history.accounts, recipe.options.seed)
    names = tuple(all_names[i] for i in columns)
    points = _with(columns, history.points)
    fitted = fit(points, accounts, split, names, recipe.options)
    described = partial(_manifest, fitted, names, all_names, recipe, history.summary)
    draft = described(dict.fromkeys(STEPS, Threshold(1.0, 0.0)))
    sampling = Sampling(_unseen(draft, fitted, split))
    trace = traced(sampling)
    highest, is_human = trace.highest(len(accounts), recipe.events_min), ~accounts.is_bot
    newer_humans = highest[is_human & split.on(Side.NEWER)]
    manifest = described(highest_of(choose_thresholds(highest[is_human]), choose_thresholds(newer_humans)))
    at_end = points.nth == accounts.events[points.account]
    final = fitted.calibration.probabilities(fitted.unseen[at_end])  # of the folds' trees alone, whichever age
    tested = measure(accounts, trace, manifest.thresholds["review"].score, recipe.events_min, final)
    newer = _newer(points, accounts, split, model_of(draft, fitted.of_older))
    flagged = highest[is_human] >= manifest.thresholds["review"].score
    rates = () if segments is None else false_positives(segments.filter(is_human), flagged)
    results = Results(
        manifest, fitted, accounts, split, trace, final, tested, newer, rates, recipe.events_min, recipe.synthetic,
        recipe.options,
    )  # fmt: skip
    _save(output, results, sampling.reference())
    return Trained(
        version=manifest.version,
        trees=fitted.rounds,
        features=len(names),
        split=split.method,
        accounts=_sizes(accounts, split),
        thresholds=manifest.thresholds,
        test=tested,
        newer=newer,
    )


def _with(columns: list[int], points: Points) -> Points:
    vectors = points.vectors
    if isinstance(vectors, VectorFile):
        return replace(points, vectors=vectors.select(columns))
    return replace(points, vectors=np.ascontiguousarray(vectors[:, columns]))


def _unseen(draft: Manifest, fitted: Fitted, split: Split) -> FoldModels:
    """Judge each account by trees that never saw it; the newer ones by trees of the older, as a stream will be."""
    models = tuple(model_of(draft, text) for text in (*fitted.without_fold, fitted.of_older))
    judge = np.where(split.on(Side.NEWER), len(fitted.without_fold), split.fold)
    return FoldModels(models, judge.astype(np.int8))


def evaluate(
    events: Events, labels: pl.DataFrame, model: Model, recipe: Recipe, threshold: float | None = None
) -> Metrics:
    """Measure a model on labelled events; flags are raised at ``threshold``, by default the model's for review."""
    return _evaluate(events, labels, model, recipe, threshold)[0]


def evaluate_by_segment(
    events: Events, labels: pl.DataFrame, model: Model, recipe: Recipe, threshold: float | None = None
) -> tuple[Metrics, tuple[SegmentRate, ...]]:
    """Measure a model likewise, and how often it flags the people of each segment."""
    segments = Segments(labels)
    measured, ids, is_human, flagged = _evaluate(segments.watch(events), labels, model, recipe, threshold)
    return measured, false_positives(segments.of(ids).filter(is_human), flagged[is_human])


def _evaluate(
    events: Events, labels: pl.DataFrame, model: Model, recipe: Recipe, threshold: float | None
) -> tuple[Metrics, pl.DataFrame, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the figures, the accounts they are of, who of them is human, and who was flagged."""
    ids = labels.select("account_id").unique().sort("account_id")
    trace = score_history(events, ids, model, recipe)
    seen = np.unique(trace.account)
    if not len(seen):
        raise UsageError("expected events of labelled accounts, got none; check that the ids match the events'")
    trace = Trace(np.searchsorted(seen, trace.account), trace.nth, trace.ts, trace.score)
    accounts = accounts_of(labels, ids[seen], trace.account, trace.ts)
    cut = model.thresholds["review"] if threshold is None else threshold
    flagged = trace.first_at(cut, len(accounts), recipe.events_min) >= 0
    return measure(accounts, trace, cut, recipe.events_min), ids[seen], ~accounts.is_bot, flagged


def evaluate_vectors(table: VectorTable, labels: pl.DataFrame, model: Model, threshold: float | None = None) -> Metrics:
    """Measure a model on labelled vectors that were made elsewhere."""
    known = table.labelled(labels)
    trace = known.trace(model)
    cut = model.thresholds["review"] if threshold is None else threshold
    return measure(known.history.accounts, trace, cut, events_min=1)


def _manifest(
    fitted: Fitted,
    names: tuple[str, ...],
    all_names: tuple[str, ...],
    recipe: Recipe,
    summary: dict[str, Any],
    thresholds: dict[str, Threshold],
) -> Manifest:
    options = recipe.options
    chosen = {"seed": options.seed, "rounds_max": options.rounds, "folds": FOLDS}
    tuned = {} if fitted.tuned is None else {"tuned": msgspec.to_builtins(fitted.tuned.best), "tried": options.trials}
    doubted = {} if fitted.doubted is None else {"labels_doubted": fitted.doubted}
    training = summary | chosen | tuned | doubted | {"synthetic": recipe.synthetic} | dict(recipe.about)
    return manifest_of(fitted.model_text, names, all_names, fitted.calibration, thresholds, training)


def _newer(points: Points, accounts: Accounts, split: Split, of_older: Model) -> Ranking:
    """Rank the newer accounts, as they stand at their end, by trees that saw only the older."""
    at_end = points.nth == accounts.events[points.account]
    rows = np.flatnonzero(at_end & split.on(Side.NEWER)[points.account])
    scores = np.concatenate([of_older.score(piece) for piece in pieces(points.vectors, rows)])
    return rank(accounts.is_bot[points.account[rows]], scores)


def _sizes(accounts: Accounts, split: Split) -> dict[str, dict[str, int]]:
    sides = {side.name.lower(): accounts.is_bot[split.on(side)] for side in Side}
    return {name: {"humans": int((~is_bot).sum()), "bots": int(is_bot.sum())} for name, is_bot in sides.items()}


def _save(output: Path, results: Results, reference: Reference | None) -> None:
    cuts = {step: threshold.score for step, threshold in results.manifest.thresholds.items()}
    pictures = plots.draw(results.accounts.is_bot, results.final, cuts)
    folder.save(output, results.manifest, results.fitted.model_text, write_card(results), pictures, reference)
