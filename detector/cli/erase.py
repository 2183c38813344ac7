"""``gillnet erase``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from detector.cli.console import OUT, print_json
from detector.settings import load_settings
from flows.erasure import erase as erase_account

EXAMPLE = """
Examples:
  gillnet erase u-1042
  gillnet erase --lake-dir lake --state-dir state --json -- -odd-id
"""


def erase(
    account: Annotated[str, typer.Argument(help="The account's id.")],
    state_dir: Annotated[
        Path | None, typer.Option(help="The state's folder.  [default: the setting state_dir]")
    ] = None,
    lake_dir: Annotated[Path | None, typer.Option(help="The lake's folder.  [default: the setting lake_dir]")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the note as JSON.")] = False,
) -> None:
    """Erase a person: from the state, the lake, labels and campaigns.

    Stop `gillnet run` first. Their rows go; where others' rows name them, a pseudonym stands instead. A note without
    personal data stays in erased.jsonl of the state folder. What Kafka still holds goes with its own retention.
    """
    erased = erase_account(load_settings(state_dir=state_dir, lake_dir=lake_dir), account)
    if json:
        print_json(msgspec.to_builtins(erased))
        return
    rows = ", ".join(f"{count:,} of {table}" for table, count in erased.lake_rows.items()) or "none"
    known = "known" if erased.known_to_state else "not known"
    OUT.print(f"erased as {erased.pseudonym}: {known} to the state; rows deleted from the lake: {rows}")
