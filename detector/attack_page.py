"""The attack report as a page: tables in Markdown, and a heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.plots import heat_map

if TYPE_CHECKING:
    from detector.attacks import AttackReport, Outcome

PAGE: Final = "attack-report.md"
PICTURE: Final = "attack-recall.png"


def write_page(report: AttackReport) -> str:
    """Write the report in Markdown."""
    least, most = min(report.humans.values()), max(report.humans.values())
    parts = [
        "# Attack report",
        f"Model {report.model_version}; care {report.care:g}, seed {report.seed}, {report.events:,} events of each of "
        f"{len(report.humans)} simulations. **Synthetic: bots and people are made up.** It compares evasions; it says "
        "nothing about a real platform.",
        f"Recall is the share of a family's bots whose score reached, after any of their events, what 1 % of the "
        f"{least:,} to {most:,} people of the same simulation reach. Beside it what gets through before the flag, for "
        "each account and day: messages and posts; of a swipe farm swipes, of a like farm likes and follows.",
        matrix(report),
        f"![recall]({PICTURE})",
        "## In full",
        _in_full(report),
    ]
    return "\n\n".join(parts) + "\n"


def matrix(report: AttackReport) -> str:
    """Write recall, and what got through a day, by evasion and family."""
    families = list(dict.fromkeys(outcome.family for outcome in report.outcomes))
    found = {(outcome.evasion, outcome.family): outcome for outcome in report.outcomes}
    rows = [[evasion, *(_cell(found[evasion, family]) for family in families)] for evasion in report.thresholds]
    return _table(["evasion", *families], rows)


def draw(report: AttackReport) -> bytes:
    """Draw recall by evasion and family, as a PNG."""
    evasions, families = list(report.thresholds), list(dict.fromkeys(one.family for one in report.outcomes))
    recall = np.full((len(evasions), len(families)), np.nan)
    for one in report.outcomes:
        if one.recall is not None:
            recall[evasions.index(one.evasion), families.index(one.family)] = one.recall
    return heat_map("Bots found at 1 % false positives (synthetic)", evasions, families, recall)


def shown(value: float | None, form: str = ",.1f") -> str:
    """Write a figure; a dash where there is none."""
    return "-" if value is None else format(value, form)


def _cell(one: Outcome) -> str:
    return f"{shown(one.recall, '.0%')} · {shown(one.unflagged_a_day)}"


def _in_full(report: AttackReport) -> str:
    heading = ["evasion", "family", "bots", "recall", "95 %", "events to flag", "sent a day", "unflagged a day"]
    return _table(heading, [cells(one) for one in report.outcomes])


def cells(one: Outcome) -> list[str]:
    """Write one outcome as a row: evasion, family, bots, recall, interval, events to flag, sent and unflagged a day."""
    low, high = one.recall_interval
    return [
        *(one.evasion, one.family, f"{one.bots:,}", shown(one.recall, ".1%"), f"{low:.1%} to {high:.1%}"),
        *(shown(one.median_events_to_flag, ",.0f"), shown(one.sent_a_day), shown(one.unflagged_a_day)),
    ]


def _table(heading: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (heading, ["---"] * len(heading), *rows))
