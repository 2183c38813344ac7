"""``gillnet messages``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Final

import polars as pl
import typer

from detector.cli.console import OUT, print_json, progress
from detector.detect import day_end_ms
from detector.messages import write_messages
from detector.printable import printable
from detector.settings import load_settings
from features.messages import CLOSENESS_MIN

EXAMPLE = """
Examples:
  gillnet messages events.jsonl --output said
  gillnet messages events.jsonl --output said --json
"""
_SHOWN: Final = 5
_CHARS: Final = 70


def messages(
    input_: Annotated[
        str, typer.Argument(metavar="INPUT", help="JSON lines (.gz, .zst too), Parquet, or - for stdin.")
    ],
    output: Annotated[Path, typer.Option(help="Folder to write to.")],
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Show which messages of a file are copies of each other, what they want, and the contacts in them.

    Writes messages.parquet (a row a text: language, group of near duplicates, a probability for each category),
    contacts.parquet (telephone numbers, handles, addresses and links in normal form, also when disguised) and
    groups.parquet (near duplicates that three accounts or more sent).
    """
    now_ms = day_end_ms(time.time_ns() // 1_000_000)
    with progress("reading") as advance:
        count, contacts, groups = write_messages(input_, output, load_settings(), now_ms, advance)
    copied = groups.filter(pl.col("closeness") >= CLOSENESS_MIN)
    shared = _shared(contacts)
    if json:
        print_json(
            {"messages": count, "contacts": len(contacts), "groups": len(copied), "shared_contacts": len(shared)}
        )
        return
    OUT.print(f"{count:,} messages, {len(contacts):,} contacts, {len(copied):,} texts that three accounts or more sent")
    for senders, example in copied.head(_SHOWN).select("senders", "example").iter_rows():
        OUT.print(f"  {senders:>5,} accounts: {printable(example, _CHARS)}")
    for kind, value, accounts in shared.head(_SHOWN).iter_rows():
        OUT.print(f"  {accounts:>5,} accounts: {kind} {printable(value, _CHARS)}")
    OUT.print(f"wrote messages.parquet, contacts.parquet and groups.parquet to {output}")


def _shared(contacts: pl.DataFrame) -> pl.DataFrame:
    """List the contacts that several accounts gave, most accounts first; a messenger's name alone is none."""
    given = contacts.filter(pl.col("kind") != "hint").group_by("kind", "value").agg(pl.col("account_id").n_unique())
    return given.filter(pl.col("account_id") > 1).sort("account_id", "kind", "value", descending=[True, False, False])
