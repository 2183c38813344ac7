"""What `gillnet models compare` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from detector.cli.console import OUT
from detector.printable import printable

if TYPE_CHECKING:
    from detector.comparison import Comparison, Moved


def show_comparison(found: Comparison, limit: int) -> None:
    """Print what a challenger would do otherwise, naming up to ``limit`` accounts of each kind."""
    OUT.print(f"challenger {found.challenger} beside champion {found.champion}")
    if found.agreement is None or found.score_difference is None:
        OUT.print("  no event in the lake was scored by both yet: rows appear every lake_flush_seconds")
        return
    OUT.print(f"  {found.events:,} events of {found.accounts:,} accounts, {found.first_ts} to {found.last_ts}")
    OUT.print(f"  same verdict for {found.agreement:.2%} of events; scores {found.score_difference:.4f} apart (mean)")
    OUT.print(_verdicts(found))
    _accounts("would be newly blocked", found.newly_blocked, limit)
    _accounts("would be blocked no more", found.newly_unblocked, limit)
    if found.labels:
        OUT.print(_labels(found))
    else:
        OUT.print("none of these accounts is labelled")


def _verdicts(found: Comparison) -> Table:
    table = Table("champion \\ challenger", *found.verdicts, box=None, pad_edge=False)
    for verdict, row in found.verdicts.items():
        table.add_row(verdict, *(f"{count:,}" for count in row.values()))
    return table


def _accounts(what: str, moved: tuple[Moved, ...], limit: int) -> None:
    OUT.print(f"{len(moved):,} accounts {what}")
    for each in moved[:limit]:
        OUT.print(Text(f"  {printable(each.account_id)}  {each.champion:.4f} -> {each.challenger:.4f}"))


def _labels(found: Comparison) -> Table:
    table = Table("on labels", "accounts", "bots", "AUC", "recall at 1 % FP", "bots flagged", "humans flagged")
    table.box = None
    for version, of in found.labels.items():
        cells = [_figure(of.auc), _figure(of.recall_at_fpr_1pct), f"{of.bots_flagged:,}", f"{of.humans_flagged:,}"]
        table.add_row(version, f"{of.n:,}", f"{of.positives:,}", *cells)
    return table


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
