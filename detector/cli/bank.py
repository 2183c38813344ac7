"""``gillnet bank``: the known templates, from one deployment to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from detector.campaign_files import templates_file
from detector.campaign_labels import open_bank
from detector.cli.console import OUT, print_json
from detector.cli.epilogs import as_written
from detector.contract.errors import UsageError
from detector.settings import load_settings
from models.bank import TemplateBank
from models.encoder import StaticEncoder

EXPORT_EXAMPLE: Final = """
Example:
  gillnet bank export templates.safetensors
"""
IMPORT_EXAMPLE: Final = """
Example:
  gillnet bank import templates.safetensors
"""

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A bank of templates.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _bank() -> None:
    """Carry the templates of confirmed campaigns from one deployment to another."""


@app.command(epilog=as_written(EXPORT_EXAMPLE))
def export(file: File, json: Json = False) -> None:
    """Write all known templates to a file, texts of strangers among them."""
    bank = open_bank(load_settings())
    bank.save(file)
    if json:
        print_json({"file": str(file), "templates": len(bank)})
    else:
        OUT.print(f"{len(bank)} templates in {file}")


@app.command("import", epilog=as_written(IMPORT_EXAMPLE))
def import_(file: File, json: Json = False) -> None:
    """Take the templates of another deployment in; those known already stay as they are.

    If it used another encoder, its templates are read anew by this one's.
    """
    settings = load_settings()
    if not file.is_file():
        raise UsageError(f"expected a bank of templates, got no file {str(file)!r}")
    bank, other = open_bank(settings), TemplateBank.load(file, StaticEncoder.load(settings.encoder_dir))
    count = bank.merge(other)
    bank.save(templates_file(settings))
    if json:
        print_json({"taken": count, "known": len(other) - count, "templates": len(bank)})
    else:
        OUT.print(f"{count} templates taken in, {len(other) - count} were known; {len(bank)} in all")
