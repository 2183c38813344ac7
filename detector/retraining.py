"""Retraining: a challenger from what the lake has learned since the champion was trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import msgspec
import polars as pl

from detector.backfill import History
from detector.contract.durable import make_folder
from detector.contract.labels import LABELS_SCHEMA
from detector.contract.times import DAY_MS, parse_rfc3339, rfc3339
from detector.reports import bots_by_reports
from detector.training import Trained, train
from detector.trusted import trusted_labels
from models import SHIPPED, registry
from models.folder import read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from detector.files import Progress
    from detector.histories import Recipe
    from detector.settings import Settings
    from detector.sql import Lake
    from models.folder import Manifest

LABELS_UNTIL: Final = "labels_until"
"""What a model's folder calls the time of the newest label it learned from."""
_UNKNOWN_REPORTER: Final = "\x1flabels"
_LABELS: Final = """
SELECT account_id, label, epoch_ms(labelled_at) AS labelled_at, source, family, note FROM labels
"""
_REPORTS: Final = """
SELECT account_id AS reporter, target_id AS account_id, epoch_ms(min(ts)) AS at, count(*) AS times
FROM events
WHERE type = 'report' AND outcome = 'processed' AND target_id IS NOT NULL AND target_id <> account_id
GROUP BY ALL
"""


@dataclass(frozen=True, slots=True)
class Teaching:
    """Labels to learn from, a row an account in `LABELS_SCHEMA` and with its ``weight``; and what was counted."""

    labels: pl.DataFrame
    counts: dict[str, int]

    def newer_than(self, until_ms: int | None) -> int:
        """Count the labels given after a time; all of them without one."""
        if until_ms is None:
            return len(self.labels)
        return self.labels.filter(pl.col("labelled_at") > until_ms).height

    @property
    def until_ms(self) -> int | None:
        """When the newest label was given."""
        newest = self.labels["labelled_at"].max()
        return newest if isinstance(newest, int) else None


class Retrained(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a retraining."""

    new_labels: int
    """Accounts labelled since the champion's labels."""
    needed: int
    champion: str
    counts: dict[str, int]
    trained: Trained | None = None
    """None where there were too few new labels."""


def teaching(lake: Lake) -> Teaching:
    """Gather what is known of accounts: of trusted sources first, then by reports."""
    labels = lake.frame(_LABELS)
    known = trusted_labels(labels)
    reported = bots_by_reports(_reports(lake, labels), known)
    trusted = labels.filter(pl.col("source").fill_null("import") != "report").height
    counts = {"labels": trusted, "labels_superseded": trusted - len(known), **reported.counts}
    by_reports = reported.bots.with_columns(label=pl.lit(1, pl.Int8), source=pl.lit("report"))
    joined = pl.concat([known.with_columns(weight=pl.lit(1.0)), by_reports], how="diagonal")
    missing = [pl.lit(None, kind).alias(name) for name, kind in LABELS_SCHEMA.items() if name not in joined.columns]
    wanted = {**LABELS_SCHEMA, "weight": pl.Float64()}
    rows = joined.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in wanted.items())
    return Teaching(rows.sort("account_id"), counts)


def retrain(
    lake: Lake, settings: Settings, recipe: Recipe, needed: int, days: float, now_ms: int, advance: Progress
) -> Retrained:
    """Train a challenger and add it to the registry, if at least ``needed`` labels came since the champion's.

    It learns from the events of the last ``days`` in the lake.
    """
    champion, learned = _champion(settings), teaching(lake)
    until = champion.training.get(LABELS_UNTIL)
    new = learned.newer_than(parse_rfc3339(until) if isinstance(until, str) else None)
    told = Retrained(new_labels=new, needed=needed, champion=champion.version, counts=learned.counts)
    if new < needed:
        return told
    about: dict[str, Any] = {"labels": learned.counts}
    if learned.until_ms is not None:
        about[LABELS_UNTIL] = rfc3339(learned.until_ms)
    make_folder(settings.registry_dir)
    with TemporaryDirectory(prefix=".retrain-", dir=settings.registry_dir) as scratch:
        output = Path(scratch) / "model"
        history = History(settings.lake_dir, None, round(days * DAY_MS), Path(scratch))
        trained = train(_read_twice(history, advance), learned.labels, output, replace(recipe, about=about))
        registry.add(settings.registry_dir, output, now_ms)
    return msgspec.structs.replace(told, trained=trained)


def _champion(settings: Settings) -> Manifest:
    if settings.model_dir is not None:
        return read_manifest(settings.model_dir)
    version = registry.read_registry(settings.registry_dir).champion
    return read_manifest(SHIPPED if version is None else registry.model_path(settings.registry_dir, version))


def _reports(lake: Lake, labels: pl.DataFrame) -> pl.DataFrame:
    """Gather reports: events of the type, and labels whose source they are."""
    reported = labels.filter((pl.col("source") == "report") & (pl.col("label") == 1))
    by_labels = reported.select(
        reporter=pl.col("note").str.extract(r"^reporter (.+)$").fill_null(_UNKNOWN_REPORTER),
        account_id="account_id",
        at=pl.col("labelled_at").fill_null(0),
        times=pl.lit(1, pl.Int64),
    )
    return pl.concat([lake.frame(_REPORTS), by_labels])


def _read_twice(history: History, advance: Progress) -> Callable[[], Iterator[pl.DataFrame]]:
    """Give the events each time they are asked for, and tell how far both readings are."""
    done = 0

    def read() -> Iterator[pl.DataFrame]:
        nonlocal done
        for batch in history.batches():
            yield batch
            done += len(batch)
            advance(done, 2 * history.events)

    return read
