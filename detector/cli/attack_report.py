"""``gillnet attack-report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from detector.cli.console import ERR, OUT, print_json, progress
from detector.contract.times import DAY_MS
from detector.settings import load_settings
from models import default, folder

if TYPE_CHECKING:
    from detector.attacks import AttackReport

EXAMPLE = """
Examples:
  gillnet attack-report
  gillnet attack-report --output report                       # a page and a heat map
  gillnet attack-report --evasion none,rotate,all --care 0.5 --json
  gillnet attack-report --model model --events 300000
"""


def attack_report(
    evasion: Annotated[
        str | None, typer.Option(help="Only these, parted by commas; none and all are two more.  [default: every one]")
    ] = None,
    care: Annotated[float, typer.Option(min=0, max=1, help="How far evasions are taken.")] = 1.0,
    events: Annotated[int, typer.Option(min=1_000, help="Events of each simulation.")] = 100_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed simulates the same.")] = 7,
    model: Annotated[Path | None, typer.Option(help="Model folder.  [default: the one shipped with Gillnet]")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for the report as Markdown with a picture.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Attack the model with simulated bots that take care.

    Simulates each evasion for two days with every family of bots, and judges the events as `gillnet run` does. Recall
    is at the score which 1 % of the people of the same simulation reach. What an account gets through before it is
    flagged (messages and posts; swipes; likes and follows), for each day of its life, says what the evasion is worth
    to those who run it; what it sends, what it costs them. All of it is synthetic.
    """
    from detector import attack_page, attacks  # scikit-learn and matplotlib take seconds to import
    from detector.histories import Recipe

    wanted = attacks.attacks(evasion)
    settings = load_settings(model_dir=model)
    judge = default() if settings.model_dir is None else folder.load(settings.model_dir)
    recipe = Recipe(
        lateness_ms=round(settings.lateness_seconds * 1000),
        ttl_ms=round(settings.account_ttl_days * DAY_MS),
        events_min=settings.events_min,
    )
    with progress("attacking") as advance:
        report = attacks.attack(judge, wanted, care=care, seed=seed, events=events, progress=advance, recipe=recipe)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        (output / attack_page.PAGE).write_text(attack_page.write_page(report), encoding="utf-8")
        (output / attack_page.PICTURE).write_bytes(attack_page.draw(report))
        ERR.print(f"wrote {attack_page.PAGE} and {attack_page.PICTURE} to {output}", soft_wrap=True)
    if json:
        print_json(msgspec.to_builtins(report))
    else:
        _print(report)


def _print(report: AttackReport) -> None:
    from detector.attack_page import cells

    table = Table("evasion", "family", box=None, pad_edge=False)
    for heading in ("bots", "recall", "events", "sent/day", "unflagged/day"):
        table.add_column(heading, justify="right")
    for outcome in report.outcomes:
        evasion, family, bots, recall, _, *figures = cells(outcome)
        table.add_row(evasion, family, bots, recall, *figures)
    OUT.print(table)
    OUT.print(
        f"Model {report.model_version}, at 1 % false positives; events: until the flag, median. All of it is synthetic."
    )
