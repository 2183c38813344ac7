"""A challenger beside the champion: what it would do otherwise, by the scores that the lake holds of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import polars as pl

from detector.contract.decisions import Verdict
from detector.contract.times import rfc3339
from detector.trusted import trusted_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detector.policy import Policy
    from detector.sql import Lake

_BOTH: Final = """
WITH both_scored AS (
  SELECT account_id, ts, s.score AS champion, c.score AS challenger,
    row_number() OVER (PARTITION BY account_id ORDER BY ts, event_id) AS nth
  FROM shadow_scores AS c JOIN scores AS s USING (event_id, account_id, ts)
  WHERE c.model_version = $challenger AND s.model_version = $champion
    AND ts >= (
      SELECT max(ts) - to_days($days::INTEGER) FROM shadow_scores WHERE model_version = $challenger
    )
)
"""
_ACCOUNTS: Final = (
    _BOTH
    + """
SELECT account_id, count(*) AS events, min(ts) AS first_ts, max(ts) AS last_ts,
  max(champion) FILTER (nth >= $events_min) AS champion, max(challenger) FILTER (nth >= $events_min) AS challenger,
  arg_max(champion, nth) AS champion_last, arg_max(challenger, nth) AS challenger_last,
  sum(abs(champion - challenger)) AS difference,
  count(*) FILTER (
    len(list_filter($champion_cuts::DOUBLE[], lambda cut: champion >= cut))
    = len(list_filter($challenger_cuts::DOUBLE[], lambda cut: challenger >= cut))
  ) AS agreed
FROM both_scored GROUP BY account_id ORDER BY account_id
"""
)
_VERDICTS: Final = [verdict.label for verdict in Verdict]


@dataclass(frozen=True, slots=True)
class Compared:
    """A model to compare: its version, and the policy that goes with it."""

    version: str
    policy: Policy


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """An account that one model would block and the other would not, by the highest score of each."""

    account_id: str
    champion: float
    challenger: float


class OnLabels(msgspec.Struct, frozen=True, kw_only=True):
    """How well one of the models does on labelled accounts; see `models.metrics.Ranking`."""

    auc: float | None
    average_precision: float | None
    recall_at_fpr_1pct: float | None
    bots_flagged: int
    """Accounts that reached its threshold for review at some event."""
    humans_flagged: int
    n: int
    positives: int


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What the two models said of the same events."""

    champion: str
    challenger: str
    events: int
    accounts: int
    first_ts: str | None
    last_ts: str | None
    agreement: float | None
    """Share of events for which both scores call for the same verdict."""
    score_difference: float | None
    """Mean distance of the two scores."""
    verdicts: dict[str, dict[str, int]]
    """Accounts by the champion's highest verdict, then by the challenger's."""
    newly_blocked: tuple[Moved, ...]
    newly_unblocked: tuple[Moved, ...]
    labels: dict[str, OnLabels]
    """By version; empty where no labelled account was scored."""


def compare(
    lake: Lake, champion: Compared, challenger: Compared, days: int, labels: pl.DataFrame | None = None
) -> Comparison:
    """Compare over the last days that the challenger scored; of the events of before ``events_min`` nothing follows.

    ``labels`` come from the lake unless they are given.
    """
    policy = champion.policy
    named = {
        "champion": champion.version,
        "challenger": challenger.version,
        "days": days,
        "events_min": policy.events_min,
        "champion_cuts": list(policy.thresholds),
        "challenger_cuts": list(challenger.policy.thresholds),
    }
    accounts = lake.frame(_ACCOUNTS, named)
    events = int(accounts["events"].sum())
    known = trusted_labels(lake.frame("SELECT * EXCLUDE (date) FROM labels") if labels is None else labels)
    steps = {name: _steps(accounts[name], model.policy) for name, model in _pair(champion, challenger)}
    return Comparison(
        champion=champion.version,
        challenger=challenger.version,
        events=events,
        accounts=len(accounts),
        first_ts=_time(accounts["first_ts"].min()),
        last_ts=_time(accounts["last_ts"].max()),
        agreement=float(accounts["agreed"].sum()) / events if events else None,
        score_difference=float(accounts["difference"].sum()) / events if events else None,
        verdicts=_crossed(steps["champion"], steps["challenger"]),
        newly_blocked=_moved(accounts, steps["challenger"], steps["champion"]),
        newly_unblocked=_moved(accounts, steps["champion"], steps["challenger"]),
        labels=_on_labels(accounts, known, champion, challenger, steps),
    )


def _pair(champion: Compared, challenger: Compared) -> tuple[tuple[str, Compared], tuple[str, Compared]]:
    return ("champion", champion), ("challenger", challenger)


def _steps(highest: pl.Series, policy: Policy) -> NDArray[np.int64]:
    """Say which verdict each account's highest score calls for; accounts never judged are allowed."""
    scores = highest.fill_null(-1.0).to_numpy()
    return np.searchsorted(np.array(policy.thresholds), scores, side="right").astype(np.int64)


def _crossed(champion: NDArray[np.int64], challenger: NDArray[np.int64]) -> dict[str, dict[str, int]]:
    size = len(_VERDICTS)
    counts = np.bincount(champion * size + challenger, minlength=size * size).reshape(size, size)
    return {name: dict(zip(_VERDICTS, row.tolist(), strict=True)) for name, row in zip(_VERDICTS, counts, strict=True)}


def _moved(accounts: pl.DataFrame, blocked: NDArray[np.int64], not_blocked: NDArray[np.int64]) -> tuple[Moved, ...]:
    """Name the accounts that one of them blocks and the other does not, those furthest apart first."""
    rows = accounts.filter(pl.Series((blocked == Verdict.BLOCK) & (not_blocked < Verdict.BLOCK)))
    apart = (pl.col("challenger") - pl.col("champion")).abs()
    chosen = rows.sort(apart, "account_id", descending=[True, False]).select("account_id", "champion", "challenger")
    return tuple(
        Moved(account_id=account_id, champion=round(champion, 6), challenger=round(challenger, 6))
        for account_id, champion, challenger in chosen.iter_rows()
    )


def _on_labels(
    accounts: pl.DataFrame,
    labels: pl.DataFrame,
    champion: Compared,
    challenger: Compared,
    steps: dict[str, NDArray[np.int64]],
) -> dict[str, OnLabels]:
    numbered = accounts.with_row_index("row")
    known = numbered.join(labels.select("account_id", "label"), on="account_id", maintain_order="left")
    if known.is_empty():
        return {}
    from models.metrics import rank  # scikit-learn takes seconds to import

    is_bot, rows = known["label"].to_numpy() == 1, known["row"].to_numpy()
    found = {}
    for name, model in _pair(champion, challenger):
        ranking, flagged = rank(is_bot, known[f"{name}_last"].to_numpy()), steps[name][rows] > 0
        found[model.version] = OnLabels(
            auc=ranking.auc,
            average_precision=ranking.average_precision,
            recall_at_fpr_1pct=ranking.recall_at_fpr_1pct,
            bots_flagged=int((flagged & is_bot).sum()),
            humans_flagged=int((flagged & ~is_bot).sum()),
            n=ranking.n,
            positives=ranking.positives,
        )
    return found


def _time(at: Any) -> str | None:  # noqa: ANN401 -- what polars gives for a time
    return None if at is None else rfc3339(round(at.timestamp() * 1000))
