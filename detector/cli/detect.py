"""``gillnet detect``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from detector.cli.console import OUT, print_json, progress
from detector.contract.decisions import Verdict
from detector.contract.errors import UsageError
from detector.contract.times import parse_rfc3339
from detector.detect import DEAD_LETTERS, DECISIONS, SCORES, Summary, day_end_ms
from detector.detect import detect as detect_file
from detector.serving import champion_of
from detector.settings import load_settings

EXAMPLE = """
Examples:
  gillnet simulate --events 10000 --output events.jsonl
  gillnet detect events.jsonl --output found
  zstdcat *.zst | gillnet detect - --output found --json
"""


def detect(
    input_: Annotated[
        str, typer.Argument(metavar="INPUT", help="JSON lines (.gz, .zst too), Parquet, or - for stdin.")
    ],
    output: Annotated[Path, typer.Option(help="Folder for the results.")],
    model: Annotated[Path | None, typer.Option(help="Model folder.  [default: the champion, else the shipped]")] = None,
    now: Annotated[
        str | None,
        typer.Option(help="What counts as now when events from the future are refused.  [default: end of today, UTC]"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Judge a file of events, without a broker.

    The engine of `gillnet run`, on a file: events are taken in the order of the lines, windows run on the
    events' own times. Writes decisions.jsonl (every change of a verdict, with its reasons), scores.parquet
    (one row per account) and dead_letters.jsonl (what was no event, and why). The same input gives the same
    output, byte for byte.
    """
    now_ms = _now_ms(now)
    settings = load_settings(model_dir=model)
    judge = champion_of(settings)
    with progress("judging") as advance:
        summary = detect_file(input_, output, settings, judge, now_ms, progress=advance)
    if json:
        print_json(msgspec.to_builtins(summary))
    else:
        _print(summary, output)


def _now_ms(now: str | None) -> int:
    if now is None:
        return day_end_ms(time.time_ns() // 1_000_000)
    ms = parse_rfc3339(now)
    if ms is None:
        raise UsageError(f"--now: expected RFC 3339 such as 2026-01-05T00:00:00Z, got {now!r}")
    return ms


def _print(summary: Summary, output: Path) -> None:
    OUT.print(
        f"{summary.read:,} events read = {summary.processed:,} processed + {summary.duplicate:,} duplicate"
        f" + {summary.late:,} late + {summary.dead:,} dead"
    )
    flagged = [f"{n:,} {verdict}" for verdict, n in summary.accounts_by_verdict.items() if verdict != "allow"]
    allowed = summary.accounts_by_verdict[Verdict.ALLOW.label]
    OUT.print(f"{summary.accounts:,} accounts: {allowed:,} allow, {', '.join(flagged)}")
    OUT.print(f"{summary.decisions:,} decisions by model {summary.model_version}")
    OUT.print(f"wrote {output / DECISIONS}, {SCORES}, {DEAD_LETTERS}")
