"""``gillnet retrain``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from detector.cli.console import OUT, print_json, progress
from detector.contract.times import DAY_MS
from detector.settings import load_settings
from detector.sql import Lake

if TYPE_CHECKING:
    from detector.retraining import Retrained

EXAMPLE = """
Examples:
  gillnet retrain
  gillnet retrain --new-labels 500 --days 30 --json
"""


def retrain(
    new_labels: Annotated[
        int, typer.Option(min=1, help="Accounts labelled since the champion's labels that it takes.")
    ] = 100,
    days: Annotated[
        float | None, typer.Option(min=1, help="Learn from the last days of events.  [default: account_ttl_days]")
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, max=5000, help="Trees at most; where more did not help there are fewer.")
    ] = 400,
    seed: Annotated[int, typer.Option(min=0, help="The same lake and seed give the same model.")] = 0,
    lake_dir: Annotated[Path | None, typer.Option(help="The lake's folder.  [default: the setting lake_dir]")] = None,
    registry_dir: Annotated[
        Path | None, typer.Option(help="The registry's folder.  [default: the setting registry_dir]")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Train a challenger from the lake's events and labels, if enough new labels came.

    Of an account the label of its most trusted source counts: analyst and appeal, then import. Where there is none,
    reports do: each reporter is believed by their record against analysts, two at least must agree, and no flood of
    reports counts for more than a few. The model goes into the registry as a challenger: `gillnet models compare`
    shows what it would do, and it decides nothing before `gillnet models promote`. Run it by cron or a timer.
    """
    from detector.histories import Recipe
    from detector.retraining import retrain as train_challenger  # LightGBM and scikit-learn take seconds to import
    from models.training import Options

    settings = load_settings(lake_dir=lake_dir, registry_dir=registry_dir)
    ttl_days = settings.account_ttl_days
    recipe = Recipe(
        lateness_ms=round(settings.lateness_seconds * 1000),
        ttl_ms=round(ttl_days * DAY_MS),
        events_min=settings.events_min,
        options=Options(seed=seed, rounds=rounds),
    )
    now_ms = time.time_ns() // 1_000_000
    with progress("replaying, twice") as advance:
        done = train_challenger(
            Lake(settings.lake_dir), settings, recipe, new_labels, ttl_days if days is None else days, now_ms, advance
        )
    if json:
        print_json(msgspec.to_builtins(done))
    else:
        _print(done)


def _print(done: Retrained) -> None:
    counts = done.counts
    superseded = f"{counts['labels_superseded']:,} of them superseded by later or more trusted ones"
    OUT.print(f"{counts['labels']:,} labels, {superseded}")
    OUT.print(
        f"{counts['reports']:,} reports by {counts['reporters']:,} reporters, {counts['reporters_credible']:,} of them "
        f"credible: {counts['bots_by_reports']:,} more bots; not counted: {counts['reports_repeated']:,} repeated, "
        f"{counts['reports_over_reporters_cap']:,} beyond what one reporter and "
        f"{counts['reports_over_accounts_cap']:,} beyond what one account may have"
    )
    OUT.print(f"{done.new_labels:,} accounts labelled since champion {done.champion}; {done.needed:,} are needed")
    if done.trained is None:
        OUT.print("nothing trained")
        return
    test = done.trained.test
    shown = ", ".join(
        f"{name} {'none' if value is None else f'{value:.4f}'}"
        for name, value in (("AUC", test.auc), ("recall at 1 % false positives", test.recall_at_fpr_1pct))
    )
    OUT.print(f"challenger {done.trained.version}: on accounts its trees never saw {shown}")
    OUT.print("next: gillnet models compare, and when it is better, gillnet models promote " + done.trained.version)
