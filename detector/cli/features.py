"""``gillnet features``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from detector.cli.console import OUT, print_json, progress
from detector.contract.errors import UsageError
from detector.detect import day_end_ms
from detector.feature_page import page
from detector.feature_sources import source_of
from detector.settings import load_settings
from detector.vectors import write_vectors
from features.catalogue import DEFAULT

_COLUMNS: Final = ("name", "entity", "window", "meaning", "source")

EXAMPLE = """
Examples:
  gillnet features --list
  gillnet features --list --markdown > features.md
  gillnet features events.jsonl --output vectors.parquet
  gillnet features events.jsonl --output accounts.parquet --last
"""


def features(
    input_: Annotated[
        str | None,
        typer.Argument(metavar="[INPUT]", help="JSON lines (.gz, .zst too), Parquet, or - for stdin."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Parquet file to write.")] = None,
    last: Annotated[bool, typer.Option("--last", help="One row per account: its newest vector.")] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="List the features there are, what they mean and read.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the list as a page to read.")] = False,
) -> None:
    """Write the feature vector after every event of a file.

    A row holds event_id, account_id, ts and one column per feature: what the account looked like just after
    that event. A feature over nothing (the mean of no gaps) is NaN.
    """
    if list_:
        _print_list(json=json, markdown=markdown)
        return
    if markdown:
        raise UsageError("expected --list with --markdown")
    if input_ is None or output is None:
        raise UsageError("expected INPUT and --output FILE, or --list; see: gillnet features --help")
    settings = load_settings()
    now_ms = day_end_ms(time.time_ns() // 1_000_000)
    with progress("computing") as advance:
        count = write_vectors(input_, output, settings, now_ms, last=last, progress=advance)
    if json:
        print_json({"rows": count, "features": len(DEFAULT.names), "output": str(output)})
    else:
        OUT.print(f"wrote {count:,} vectors of {len(DEFAULT.names)} features to {output}")


def _print_list(*, json: bool, markdown: bool) -> None:
    """Print a table on a terminal, and elsewhere a line of tab-separated cells for each feature."""
    if json and markdown:
        raise UsageError("expected one of --json and --markdown")
    if markdown:
        sys.stdout.write(page())
        return
    rows = [(f.name, f.entity, f.window, f.meaning, source_of(f)) for f in DEFAULT.features]
    if json:
        print_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
    elif OUT.is_terminal:
        table = Table(*_COLUMNS, box=None, pad_edge=False)
        table.columns[0].no_wrap = True
        for row in rows:
            table.add_row(*row)
        OUT.print(table, soft_wrap=False)
    else:
        sys.stdout.writelines("\t".join(row) + "\n" for row in rows)
