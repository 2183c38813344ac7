"""``gillnet dashboards``: the Grafana board and the alert rules, pushed or as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from detector.cli.epilogs import as_written
from detector.settings import load_settings

PUSH_EXAMPLE: Final = """
Example:
  GILLNET_GRAFANA_TOKEN=… gillnet dashboards push --url https://grafana.example.org
"""
EXPORT_EXAMPLE: Final = """
Example:
  gillnet dashboards export --output grafana
"""

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _dashboards() -> None:
    """Push the Grafana board, or write it and the alert rules as files."""


@app.command(epilog=as_written(PUSH_EXAMPLE))
def push(
    url: Annotated[str | None, typer.Option(help="Where Grafana answers.  [default: the setting grafana_url]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the result as JSON.")] = False,
) -> None:
    """Create or update the Gillnet board in a Grafana.

    The token comes from GILLNET_GRAFANA_TOKEN or the setting grafana_token, never from a flag.
    """
    from dashboards.board import UID
    from dashboards.push import push as push_board
    from dashboards.push import without_credentials

    settings = load_settings(grafana_url=url)
    outcome = push_board(settings.grafana_url, settings.grafana_token)
    if as_json:
        typer.echo(json.dumps({"outcome": outcome, "uid": UID}))
    else:
        typer.echo(f"Board {outcome}: {without_credentials(settings.grafana_url).rstrip('/')}/d/{UID}")


@app.command(epilog=as_written(EXPORT_EXAMPLE))
def export(
    output: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("grafana"),
    as_json: Annotated[bool, typer.Option("--json", help="Write the list of files as JSON.")] = False,
) -> None:
    """Write the board, the alert rules, Prometheus settings and Grafana provisioning as files."""
    from dashboards.export import export as export_files

    settings = load_settings()
    files = export_files(output, f"{settings.metrics_host}:{settings.metrics_port}")
    typer.echo(json.dumps([str(file) for file in files]) if as_json else "\n".join(map(str, files)))
