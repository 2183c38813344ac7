"""What reports teach: who reports is believed by their record, and no flood counts for more than a few.

A report says of an account that it is a bot. Whether that is so is known where an analyst or an appeal has said it; of
each reporter it is counted how often they were right, shrunk towards knowing nothing (the mean of a beta distribution;
Gelman et al., "Bayesian Data Analysis", 2013, ch. 2). The log-odds of those with a record add up, as of independent
witnesses; who has none, or a bad one, adds nothing: a thousand new accounts together say nothing at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIOR_RIGHT: Final = 0.5
PRIOR_REPORTS: Final = 6.0
"""A reporter begins as one who was right in half of six reports."""
REPORTERS_MIN: Final = 2
"""So many credible reporters must agree; one alone may have a grudge."""
PROBABILITY_MIN: Final = 0.8
"""From here on reports make a label."""
ACCOUNTS_A_REPORTER: Final = 50
"""Of each reporter the latest so many accounts count."""
REPORTS_AN_ACCOUNT: Final = 10
"""Of each account the reports of its so many most credible reporters count."""

_SCHEMA: Final = {"account_id": pl.String, "labelled_at": pl.Int64, "weight": pl.Float64}


@dataclass(frozen=True, slots=True)
class Reported:
    """Accounts that reports call bots, and what was counted on the way."""

    bots: pl.DataFrame
    """``account_id, labelled_at`` (epoch ms of the last report that counts), ``weight`` (above 0, below 1)."""
    counts: Mapping[str, int]


def credibility(reports: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return ``reporter, checked, right, precision`` of everyone who reported; ``precision`` is shrunk.

    ``reports`` has ``reporter, account_id, at`` (epoch ms), a pair once; ``known`` has ``account_id, label,
    labelled_at``. A report counts towards the record only if it came before the label: after it, anybody could know.
    """
    truth = known.select("account_id", is_bot=pl.col("label") == 1, told_at="labelled_at")
    checked = reports.join(truth, on="account_id").filter(
        pl.col("told_at").is_null() | (pl.col("at") <= pl.col("told_at"))
    )
    record = checked.group_by("reporter").agg(checked=pl.len(), right=pl.col("is_bot").sum())
    everyone = reports.select("reporter").unique().join(record, on="reporter", how="left")
    counted = everyone.with_columns(pl.col("checked", "right").fill_null(0).cast(pl.Int64))
    shrunk = (pl.col("right") + PRIOR_RIGHT * PRIOR_REPORTS) / (pl.col("checked") + PRIOR_REPORTS)
    return counted.with_columns(precision=shrunk).sort("reporter")


def bots_by_reports(reports: pl.DataFrame, known: pl.DataFrame) -> Reported:
    """Weigh reports; accounts that are known otherwise are left out of what they teach.

    ``reports`` has ``reporter, account_id, at`` (epoch ms), ``times`` (how many of them a row stands for).
    """
    pairs, times = reports.group_by("reporter", "account_id").agg(at=pl.col("at").min()), int(reports["times"].sum())
    pairs = pairs.sort("reporter", "at", "account_id", descending=[False, True, False])
    latest = pairs.filter(pl.col("account_id").cum_count().over("reporter") <= ACCOUNTS_A_REPORTER)
    believed = credibility(latest, known)
    weighed = latest.join(believed, on="reporter").sort(
        "account_id", "precision", "at", "reporter", descending=[False, True, False, False]
    )
    counted = weighed.filter(pl.col("reporter").cum_count().over("account_id") <= REPORTS_AN_ACCOUNT)
    credible = counted.filter(pl.col("precision") > PRIOR_RIGHT)
    odds = (pl.col("precision") / (1 - pl.col("precision"))).log().sum()
    accounts = credible.group_by("account_id").agg(odds=odds, reporters=pl.len(), labelled_at=pl.col("at").max())
    probability = 1 / (1 + (-pl.col("odds")).exp())
    found = (
        accounts.join(known.select("account_id"), on="account_id", how="anti")
        .with_columns(weight=2 * probability - 1)
        .filter((pl.col("reporters") >= REPORTERS_MIN) & (pl.col("weight") >= 2 * PROBABILITY_MIN - 1))
        .sort("account_id")
    )
    counts = {
        "reports": times,
        "reports_repeated": times - len(pairs),
        "reports_over_reporters_cap": len(pairs) - len(latest),
        "reports_over_accounts_cap": len(latest) - len(counted),
        "reporters": len(believed),
        "reporters_credible": believed.filter(pl.col("precision") > PRIOR_RIGHT).height,
        "bots_by_reports": len(found),
    }
    return Reported(found.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items()), counts)
