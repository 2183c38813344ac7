"""``gillnet campaigns``: accounts that act together, as the lake has them, and what analysts say of them."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from detector.campaign_files import Label
from detector.campaign_labels import campaign_in, campaigns_in, label_campaign
from detector.cli.console import OUT, print_json
from detector.cli.epilogs import as_written
from detector.contract.campaigns import Status
from detector.contract.errors import UsageError
from detector.paraphrases import FALSE_DISCOVERIES
from detector.printable import printable
from detector.rewordings import confirm as put_in_bank
from detector.rewordings import rewordings_in
from detector.settings import load_settings
from detector.sql import Lake

if TYPE_CHECKING:
    from detector.rewordings import Rewordings
    from detector.settings import Settings

LIST_EXAMPLE: Final = """
Examples:
  gillnet campaigns list
  gillnet campaigns list --status active --limit 100 --json
"""
SHOW_EXAMPLE: Final = """
Example:
  gillnet campaigns show camp_00c0ffee00c0ffee --members 200
"""
LABEL_EXAMPLE: Final = """
Examples:
  gillnet campaigns label camp_00c0ffee00c0ffee bot
  gillnet campaigns label camp_00c0ffee00c0ffee benign
"""
REWORDED_EXAMPLE: Final = """
Examples:
  gillnet campaigns reworded
  gillnet campaigns reworded --days 7 --false 0.2 --json
  gillnet campaigns reworded --confirm rewd_00c0ffee00c0ffee
"""
TEMPLATE_CHARACTERS: Final = 60
TEXT_CHARACTERS: Final = 256
VALUES_SHOWN: Final = 10

LakeDir = Annotated[Path | None, typer.Option(help="The lake's folder.  [default: the setting lake_dir]")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
CampaignId = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's id, as `list` shows it.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _campaigns() -> None:
    """Look at accounts that act together, and say whether they are bots."""


def _opened(lake_dir: Path | None) -> tuple[Lake, Settings]:
    settings = load_settings(lake_dir=lake_dir)
    return Lake(settings.lake_dir), settings


@app.command("list", epilog=as_written(LIST_EXAMPLE))
def list_(
    status: Annotated[Status | None, typer.Option(help="Only campaigns that are so.  [default: all]")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Campaigns to show, most members first.")] = 20,
    lake_dir: LakeDir = None,
    json: Json = False,
) -> None:
    """List the campaigns in the lake, those with most members first."""
    found = campaigns_in(*_opened(lake_dir), status, limit)
    if json:
        _print_json([{name: value for name, value in campaign.items() if name != "member_ids"} for campaign in found])
        return
    table = Table(
        "campaign", "status", "label", "members", "messages", "last seen", "template", box=None, pad_edge=False
    )
    for campaign in found:
        table.add_row(*map(Text, _cells(campaign)))
    OUT.print(table if found else "no campaigns in the lake", soft_wrap=False)


@app.command(epilog=as_written(SHOW_EXAMPLE))
def show(
    campaign: CampaignId,
    members: Annotated[int, typer.Option(min=0, help="Members to name, in the order they joined.")] = 20,
    lake_dir: LakeDir = None,
    json: Json = False,
) -> None:
    """Show one campaign: its template, its members, and what it pushes."""
    found = campaign_in(*_opened(lake_dir), campaign)
    if json:
        _print_json(found)
        return
    label = f", labelled {found['label']}" if found["label"] else ""
    merged = f" into {found['merged_into']}" if found["merged_into"] else ""
    _say(f"Campaign {found['campaign_id']}: {found['status']}{merged}{label}", style="bold")
    _say(f"  template    {printable(found['template'], TEXT_CHARACTERS)}")
    _say(f"  seen        {_time(found['first_seen'])} to {_time(found['last_seen'])}, {found['messages']} messages")
    _say(f"  members     {found['members']}, {found['members_per_hour']:g} of them joined in the last hour it was seen")
    for name in ("verdicts", "languages", "contacts", "links"):
        if found[name]:
            _say(
                f"  {name:<12}" + ", ".join(f"{each['value']} ({each['count']})" for each in found[name][:VALUES_SHOWN])
            )
    for text in found["examples"]:
        _say(f"  example     {printable(text, TEXT_CHARACTERS)}")
    for account_id in found["member_ids"][:members]:
        _say(f"  member      {account_id}")


@app.command(epilog=as_written(LABEL_EXAMPLE))
def label(
    campaign: CampaignId,
    label: Annotated[Label, typer.Argument(help="What it is.")],
    lake_dir: LakeDir = None,
    json: Json = False,
) -> None:
    """Say that a campaign is bots, or that people just say so.

    The texts of bots go into the bank of known templates: whoever sends one is recognised from the first message
    on. Benign texts go into the allow-list, and make no campaign any more. Both are in the setting campaigns_dir;
    a running stream takes them up by itself.
    """
    lake, settings = _opened(lake_dir)
    count = label_campaign(lake, settings, campaign, label)
    if json:
        print_json({"campaign_id": campaign, "label": label, "texts": count})
        return
    kept = "known templates" if label is Label.BOT else "allowed texts"
    OUT.print(f"{campaign} is {label} now: {count} of its texts are new among the {kept}")


@app.command(epilog=as_written(REWORDED_EXAMPLE))
def reworded(
    days: Annotated[int, typer.Option(min=1, help="How far back to look, from the newest event.")] = 30,
    false: Annotated[
        float, typer.Option("--false", min=0.001, max=0.5, help="The share of what is found that may be false.")
    ] = FALSE_DISCOVERIES,
    confirm: Annotated[
        str | None, typer.Option(metavar="REWORDING", help="Put the texts of this one into the bank.")
    ] = None,
    lake_dir: LakeDir = None,
    json: Json = False,
) -> None:
    """Look for what suspicious accounts say in other words.

    Looks at messages in no campaign, of accounts with a verdict or a text of a harmful category, and compares them
    with as many of other accounts, so that at most a stated share of what is found is false (an estimate). With a
    larger encoder built (the setting escalation_dir) it finds more, and takes longer.
    """
    lake, settings = _opened(lake_dir)
    with OUT.status("reading messages and comparing them with each other") if not json else nullcontext():
        found = rewordings_in(lake, settings, days, false)
    if confirm is not None:
        _confirm(found, confirm, settings, json=json)
    elif json:
        _print_json(found)
    else:
        _show_rewordings(found)


def _confirm(found: Rewordings, wanted: str, settings: Settings, *, json: bool) -> None:
    chosen = next((each for each in found.rewordings if each.rewording_id == wanted), None)
    if chosen is None:
        known = ", ".join(each.rewording_id for each in found.rewordings) or "none"
        raise UsageError(f"expected a rewording that is found by the same --days and --false, got {wanted!r}; {known}")
    count = put_in_bank(chosen, settings)
    if json:
        print_json({"rewording_id": wanted, "texts": count})
    else:
        OUT.print(f"{count} of its texts are new among the known templates")


def _show_rewordings(found: Rewordings) -> None:
    among = f"among {found.suspicious_messages} suspicious messages and {found.benign_messages} others"
    if not found.rewordings:
        OUT.print(f"nothing is said in other words {among}")
        return
    _say(f"{len(found.rewordings)} found {among}; about {found.false_discovery_rate:.0%} of it may be false")
    for each in found.rewordings:
        _say(f"{each.rewording_id}: {len(each.account_ids)} accounts", style="bold")
        for text in each.texts[:VALUES_SHOWN]:
            _say(f"  {printable(text, TEXT_CHARACTERS)}")


def _cells(campaign: dict[str, Any]) -> tuple[str, ...]:
    return (
        campaign["campaign_id"],
        campaign["status"],
        campaign["label"] or "",
        str(campaign["members"]),
        str(campaign["messages"]),
        _time(campaign["last_seen"]),
        printable(campaign["template"], TEMPLATE_CHARACTERS),
    )


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def _say(text: str, style: str = "") -> None:
    OUT.print(Text(printable(text), style=style))


def _time(at: Any) -> str:  # noqa: ANN401 -- what DuckDB gives for a time
    return f"{at:%Y-%m-%d %H:%M}Z"
