"""``gillnet evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from detector.cli.console import OUT, print_json, progress
from detector.cli.train import batches
from detector.contract.errors import UsageError
from detector.contract.labels import read_labels
from detector.contract.times import DAY_MS
from detector.serving import champion_of
from detector.settings import load_settings

if TYPE_CHECKING:
    from models.metrics import Metrics
    from models.segments import SegmentRate

EXAMPLE = """
Examples:
  gillnet evaluate --model model --events events.jsonl --labels labels.csv
  gillnet evaluate --events events.parquet --labels labels.csv --threshold 0.8 --json
  gillnet evaluate --model model --events events.jsonl --labels labels.csv --segments
  gillnet evaluate --model model --vectors vectors.parquet --labels labels.csv
"""

_MEANINGS = {
    "auc": "a bot scores above a human",
    "average_precision": "area under precision and recall",
    "brier": "squared error of the probability",
    "ece": "distance of score and share of bots",
    "threshold": "score at which accounts are flagged",
    "precision": "flagged accounts that are bots",
    "recall": "bots that are flagged",
    "f1": "harmonic mean of the two",
    "f1_weighted": "F1 of both classes, from a score of 0.5 on",
    "recall_at_fpr_1pct": "bots found, 1 % of humans flagged",
    "recall_at_fpr_0_1pct": "bots found, 0.1 % of humans flagged",
    "median_events_to_flag": "events until a bot is flagged",
    "median_seconds_to_flag": "seconds until a bot is flagged",
    "n": "labelled accounts with events",
    "positives": "bots among them",
}


def evaluate(
    labels: Annotated[Path, typer.Option(help="Labels: CSV, JSON lines or Parquet with account_id and label.")],
    events: Annotated[
        str | None, typer.Option(help="Events: JSON lines (.gz, .zst too), Parquet, or - for stdin.")
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Instead of events: a table (Parquet, CSV) of account_id and numbers.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Model folder.  [default: the champion, else the shipped]")] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Flag from this score on.  [default: the review threshold]")
    ] = None,
    segments: Annotated[
        bool, typer.Option("--segments", help="Also how often people of each language, country … are flagged.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure a model on labelled events.

    Replays the events through the engine of `gillnet run`. AUC, average precision, Brier score, calibration
    error and recall at a false positive rate judge each account by its score after its last event. Precision,
    recall, F1 and the times to flag judge it as the stream does: flagged for good once a score reaches the
    threshold. Do not measure a model on the accounts it was trained on.
    """
    from detector import training  # LightGBM, scikit-learn and matplotlib take seconds to import
    from detector.histories import Recipe
    from detector.vector_table import read_vectors

    if (events is None) == (vectors is None):
        raise UsageError("expected either --events or --vectors, got " + ("neither" if events is None else "both"))
    if segments and events is None:
        raise UsageError("--segments are read off events; give --events in place of --vectors")
    settings = load_settings(model_dir=model, review_threshold=threshold)
    judge = champion_of(settings)
    recipe = Recipe(
        lateness_ms=round(settings.lateness_seconds * 1000),
        ttl_ms=round(settings.account_ttl_days * DAY_MS),
        events_min=settings.events_min,
    )
    known, rates = read_labels(labels), None
    if events is None:
        assert vectors is not None
        found = training.evaluate_vectors(read_vectors(vectors), known, judge, settings.review_threshold)
    else:
        with progress("replaying") as advance:
            read = batches(events, settings, advance)
            if segments:
                found, rates = training.evaluate_by_segment(read, known, judge, recipe, settings.review_threshold)
            else:
                found = training.evaluate(read, known, judge, recipe, settings.review_threshold)
    if json:
        print_json(msgspec.to_builtins(found) | ({} if rates is None else {"segments": msgspec.to_builtins(rates)}))
    else:
        _print(found, judge.version)
        _print_segments(rates or ())


def _print(found: Metrics, version: str) -> None:
    table = Table(f"model {version}", "value", "what it says", box=None, pad_edge=False)
    values = msgspec.to_builtins(found)
    for name, meaning in _MEANINGS.items():
        value = values[name]
        shown = "none" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
        table.add_row(name, shown, meaning)
    OUT.print(table)
    within = Table("flagged by event", "bots", "humans", box=None, pad_edge=False)
    for n, share in found.bots_flagged_within.items():
        within.add_row(n, f"{share:.1%}", f"{found.humans_flagged_within.get(n, 0.0):.1%}")
    OUT.print(within)


def _print_segments(rates: tuple[SegmentRate, ...]) -> None:
    for dimension in dict.fromkeys(rate.dimension for rate in rates):
        table = Table(dimension, box=None, pad_edge=False)
        for heading in ("humans", "flagged", "share", "95 %", ""):
            table.add_column(heading, justify="right")
        for rate in rates:
            if rate.dimension == dimension:
                low, high = rate.interval
                mark = "differs" if rate.differs else "not tested" if rate.p_adjusted is None else ""
                share = f"{rate.false_positive_rate:.2%}"
                table.add_row(
                    rate.segment, f"{rate.humans:,}", f"{rate.flagged:,}", share, f"{low:.2%} to {high:.2%}", mark
                )
        OUT.print(table)
