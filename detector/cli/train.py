"""``gillnet train``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from detector.cli.console import OUT, print_json, progress
from detector.contract.errors import UsageError
from detector.contract.labels import read_labels
from detector.contract.times import DAY_MS
from detector.detect import day_end_ms
from detector.files import Progress, limits_from, read_events
from detector.settings import Settings, load_settings

if TYPE_CHECKING:
    import polars as pl

    from detector.training import Trained

EXAMPLE = """
Examples:
  gillnet train --events events.jsonl.zst --labels labels.csv --output model
  gillnet train --events events.parquet --labels labels.csv --output model --features 'messages_*,gap_*'
  gillnet train --events events.jsonl.zst --labels labels.csv --output model --tune 30
  gillnet train --vectors vectors.parquet --labels labels.csv --output model
"""


def train(
    labels: Annotated[Path, typer.Option(help="Labels: CSV, JSON lines or Parquet with account_id and label.")],
    output: Annotated[Path, typer.Option(help="Model folder to write.")],
    events: Annotated[
        Path | None, typer.Option(help="Events: JSON lines (.gz, .zst too) or Parquet; read twice.")
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Instead of events: a table (Parquet, CSV) of account_id and numbers.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same data and seed give the same bytes.")] = 0,
    rounds: Annotated[
        int, typer.Option(min=1, max=5000, help="Trees at most; where more did not help there are fewer.")
    ] = 400,
    tune: Annotated[
        int,
        typer.Option(min=0, help="Try so many settings of the trees first, with Optuna; each takes five trainings."),
    ] = 0,
    doubt_labels: Annotated[
        bool,
        typer.Option("--doubt-labels", help="Labels that trees of other accounts contradict count half; takes longer."),
    ] = False,
    features: Annotated[
        list[str] | None, typer.Option(help="Only these: names or patterns, parted by commas.  [default: all]")
    ] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="Say in the card that the data is made up.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Train a model on your events and labels.

    Replays the events through the engine of `gillnet run`, so a vector never knows more than the stream knew.
    All labelled accounts teach. Calibration, thresholds and figures come from five folds, each judged by trees
    that never saw it, and once more from the newest 20 % judged by trees of the older; no account and no campaign
    (a column of the labels) is on two sides. Writes a model folder: trees, thresholds, and a card with data,
    quality and limits. Use it with `gillnet models add`, with `model_dir` in the settings, or --model.
    """
    if (events is None) == (vectors is None):
        raise UsageError("expected either --events or --vectors, got " + ("neither" if events is None else "both"))
    if str(events) == "-":
        raise UsageError("--events: training reads the events twice, got standard input; give a file")
    from detector import training  # LightGBM, scikit-learn and matplotlib take seconds to import
    from detector.histories import Recipe
    from detector.vector_table import read_vectors
    from models.training import Options

    settings = load_settings()
    recipe = Recipe(
        lateness_ms=round(settings.lateness_seconds * 1000),
        ttl_ms=round(settings.account_ttl_days * DAY_MS),
        events_min=settings.events_min,
        features=tuple(part.strip() for given in features or () for part in given.split(",") if part.strip()),
        synthetic=synthetic,
    )
    options = Options(seed=seed, rounds=rounds, trials=tune, doubt_labels=doubt_labels)
    known = read_labels(labels)
    if events is None:
        assert vectors is not None
        with progress("training") as advance:
            recipe = replace(recipe, options=replace(options, progress=advance))
            trained = training.train_on_vectors(read_vectors(vectors), known, output, recipe)
    else:
        recipe.columns()
        with progress("replaying, tuning, replaying" if tune else "replaying, twice") as advance:
            recipe = replace(recipe, options=replace(options, progress=advance))
            trained = training.train(_twice(events, settings, advance), known, output, recipe)
    if json:
        print_json(msgspec.to_builtins(trained))
    else:
        _print(trained, output)


def _twice(events: Path, settings: Settings, advance: Progress) -> Callable[[], Iterator[pl.DataFrame]]:
    """Return a reader of the events whose progress goes on where the one before stopped."""
    passes = 0

    def read() -> Iterator[pl.DataFrame]:
        nonlocal passes
        passes += 1
        before = passes - 1

        def both(done: int, total: int | None) -> None:
            advance(done + before * (total or 0), None if total is None else 2 * total)

        return batches(events, settings, both)

    return read


def batches(events: Path | str, settings: Settings, advance: Progress) -> Iterator[pl.DataFrame]:
    """Read a file of events batch by batch; what is no event is left out."""
    now_ms = day_end_ms(time.time_ns() // 1_000_000)
    for decoded in read_events(events, limits_from(settings), now_ms, progress=advance):
        yield decoded.events


def _print(trained: Trained, output: Path) -> None:
    OUT.print(f"model {trained.version}: {trained.trees} trees over {trained.features} features, split {trained.split}")
    sides = Table("side", "humans", "bots", box=None, pad_edge=False)
    for side, counts in trained.accounts.items():
        sides.add_row(side, f"{counts['humans']:,}", f"{counts['bots']:,}")
    OUT.print(sides)
    test = trained.test
    OUT.print(
        f"on accounts the trees never saw: AUC {test.auc:.4f}, average precision {test.average_precision:.4f}, "
        f"{test.recall_at_fpr_1pct:.1%} of the bots found at 1 % false positives"
    )
    if trained.newer.auc is not None:
        OUT.print(f"on the newer ones, by trees of the older: AUC {trained.newer.auc:.4f}")
    cuts = ", ".join(f"{step} {threshold.score:.4f}" for step, threshold in trained.thresholds.items())
    OUT.print(f"thresholds: {cuts}")
    OUT.print(f"wrote {output}; read its card.md before you use it")
