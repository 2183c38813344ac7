"""``gillnet state``: what can be done to the state of a stopped deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from detector.cli.epilogs import as_written
from detector.settings import load_settings

RESHARD_EXAMPLE: Final = """
Example:
  gillnet state reshard --shards 32
"""

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _state() -> None:
    """Change the state of a stopped deployment."""


@app.command(epilog=as_written(RESHARD_EXAMPLE))
def reshard(
    shards: Annotated[int, typer.Option(help="How many shards there are to be.")],
    state_dir: Annotated[
        Path | None, typer.Option(help="The state's folder.  [default: the setting state_dir]")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Change the number of shards, with all that is known of every account.

    Stop `gillnet run` first, and set `shards` to the new number before the next start. It takes about the memory that
    the state takes. Interrupted, it changes nothing or is finished by calling it again.
    """
    from detector.cli.console import OUT, print_json
    from flows.reshard import reshard as cut

    settings = load_settings(state_dir=state_dir)
    known = cut(settings, shards)
    if json:
        print_json({"accounts": known, "shards": shards})
    else:
        OUT.print(f"{known:,} accounts in {shards} shards; set shards = {shards} before the next start")
