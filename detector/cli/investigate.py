"""``gillnet investigate``."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from detector.cli.console import OUT
from detector.investigate import Case, Measure, Standing
from detector.investigate import investigate as gather
from detector.printable import printable, printable_json
from detector.settings import load_settings
from detector.sql import Lake

EXAMPLE = """
Examples:
  gillnet investigate u-1042
  gillnet investigate u-1042 --events 100 --json
"""

BARS: Final = "▁▂▃▄▅▆▇█"
TEXT_CHARACTERS: Final = 60
MEASURES_SHOWN: Final = 12

_DETAILS: Final = ("target_id", "direction", "reason", "device_id", "ip", "country", "photo_hash", "amount", "text")
_SHARED: Final = {
    "device_id": "device",
    "ip": "ip",
    "photo_hash": "photo",
    "text": "text",
    "contact": "contact",
    "campaign": "campaign",
}
_SHORT: Final = {"target_id": "to", "device_id": "device", "photo_hash": "photo"}


def investigate(
    account: Annotated[str, typer.Argument(help="The account's id.")],
    lake_dir: Annotated[Path | None, typer.Option(help="The lake's folder.  [default: the setting lake_dir]")] = None,
    events: Annotated[int, typer.Option(min=0, help="Newest events to show.")] = 20,
    links: Annotated[int, typer.Option(min=0, help="Linked accounts to show.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show why an account was judged as it was.

    Decisions with their reasons, what the account did, its features against the population's, and accounts
    that share a device, an address, a photo, a text, a contact or a campaign with it. An account the lake does not
    know exits 1.
    """
    case = gather(Lake(load_settings(lake_dir=lake_dir).lake_dir), account, events, links)
    if json:
        sys.stdout.write(printable_json(msgspec.json.encode(case, enc_hook=str).decode()) + "\n")
        return
    _print_standing(case.standing)
    _print_decisions(case)
    _print_timeline(case)
    _print_measures(case)
    _print_links(case)


def _print_standing(standing: Standing) -> None:
    _say(f"Account {standing.account_id}", style="bold")
    score = "not scored" if standing.score is None else f"score {standing.score:.3f}"
    model = f", model {standing.model_version}" if standing.model_version else ""
    _say(f"  verdict     {standing.verdict} ({score}{model})")
    _say(f"  seen        {_time(standing.first_seen)} to {_time(standing.last_seen)}, {standing.events} events")
    label = {1: "bot", 0: "human", None: "none"}[standing.label]
    _say(f"  label       {label}")
    _say(f"  campaign    {standing.campaign_id or 'none'}")
    _say(f"  reported    or blocked by {standing.reported_by} other accounts")


def _print_decisions(case: Case) -> None:
    _head("Decisions, newest first")
    if not case.decisions:
        _say("  none: the verdict never changed")
    for decision in case.decisions:
        shadow = " (shadow: recorded, without effect)" if decision["shadow"] else ""
        until = f", until {_time(decision['expires_at'])}" if decision["expires_at"] else ""
        change = f"{decision['previous_verdict']} → {decision['verdict']}"
        _say(f"  {_time(decision['event_ts'])}  {change}, score {decision['score']:.3f}{until}{shadow}")
        for reason in decision["reasons"] or ():
            _say(f"      {reason['text']}  [{reason['code']}]")


def _print_timeline(case: Case) -> None:
    _head("What it did")
    _say("  " + (", ".join(f"{name} {count}" for name, count in case.counts.items()) or "no events in the lake"))
    if case.activity:
        _say(f"  {_bars(case.activity)}  events per {_span(case.bucket_seconds)}, up to {max(case.activity)}")
    for event in case.timeline:
        outcome = "" if event.get("outcome", "processed") == "processed" else f" ({event['outcome']})"
        _say(f"  {_time(event['ts'])}  {event['type']}{outcome}  {_details(event)}")


def _print_measures(case: Case) -> None:
    _head(f"Features against the population ({case.population} other accounts), most extreme first")
    if not case.measures:
        _say("  none: the lake has neither events nor vectors of this account")
        return
    table = Table("feature", "value", "median", "percentile", "meaning", box=None, pad_edge=False)
    for measure in case.measures[:MEASURES_SHOWN]:
        table.add_row(*map(Text, _measure_cells(measure)))
    OUT.print(table, soft_wrap=False)


def _measure_cells(measure: Measure) -> tuple[str, ...]:
    median = "" if measure.median is None else f"{measure.median:.4g}"
    percentile = "" if measure.percentile is None else f"{measure.percentile:.1f}"
    return measure.name, f"{measure.value:.4g}", median, percentile, measure.meaning


def _print_links(case: Case) -> None:
    _head(f"Linked accounts ({case.linked_total}), closest first")
    if not case.linked_total:
        _say("  none shares a device, an address, a photo, a longer text, a contact or a campaign")
    for link in case.linked:
        shared = ", ".join(f"{count} {_SHARED[kind]}{'s' * (count > 1)}" for kind, count in link.shared.items())
        _say(f"  {link.account_id}  {link.verdict}  shares {shared}")


def _head(text: str) -> None:
    OUT.print()
    _say(text, style="bold")


def _say(text: str, style: str = "") -> None:
    OUT.print(Text(printable(text), style=style))


def _details(event: dict[str, Any]) -> str:
    given = ((name, event[name]) for name in _DETAILS if name in event)
    return "  ".join(f"{_SHORT.get(name, name)} {printable(str(value), TEXT_CHARACTERS)}" for name, value in given)


def _time(at: datetime.datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z" if at else "never"


def _bars(counts: list[int]) -> str:
    top = max(counts)
    return "".join(BARS[-(-count * (len(BARS) - 1) // top)] for count in counts)


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
