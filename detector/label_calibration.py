"""Calibration on labelled accounts: how far scores were from what was said of their accounts afterwards.

An account counts with the last score it had before its label: what it does later may be the label's doing. Only scores
of the model that decides now are looked at, and only the last days, so that a lake of years costs no more.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from detector.trusted import trusted_labels
from models.calibration import expected_calibration_error

if TYPE_CHECKING:
    from detector.sql import Lake

DAYS: Final = 7
_LABELS_MAX: Final = 20_000
_LABELS: Final = """
SELECT account_id, label, labelled_at, source FROM labels WHERE date > $after
ORDER BY labelled_at DESC, account_id LIMIT $most
"""
_DECIDES: Final = "SELECT arg_max(model_version, (ts, event_id)) AS version FROM scores WHERE date = $newest"
_SCORES: Final = """
WITH labelled AS (
  SELECT unnest($ids::VARCHAR[]) AS account_id, unnest($bots::BOOLEAN[]) AS is_bot,
    unnest($until_ms::BIGINT[]) AS until_ms
)
SELECT any_value(is_bot) AS is_bot, arg_max(score, (ts, event_id)) AS score
FROM scores JOIN labelled USING (account_id)
WHERE date > $after AND model_version = $version AND epoch_ms(ts) <= until_ms
GROUP BY account_id
"""


@dataclass(frozen=True, slots=True)
class LabelCalibration:
    """How far scores are from the share of bots among the labelled accounts that had them, and how many there are."""

    error: float
    """Expected calibration error, 0 to 1."""
    bots: int
    humans: int


def label_calibration(lake: Lake, newest: datetime.date) -> LabelCalibration | None:
    """Measure over the days that end with ``newest``; None where no account with a label had a score before it."""
    after = newest - datetime.timedelta(days=DAYS)
    labels = trusted_labels(lake.frame(_LABELS, {"after": after, "most": _LABELS_MAX}))
    if labels.is_empty():
        return None
    known = {
        "ids": labels["account_id"].to_list(),
        "bots": (labels["label"] == 1).to_list(),
        "until_ms": labels["labelled_at"].dt.epoch("ms").to_list(),
        "after": after,
        "version": lake.rows(_DECIDES, {"newest": newest})[0]["version"],
    }
    found = lake.frame(_SCORES, known)
    if found.is_empty():
        return None
    is_bot = found["is_bot"].to_numpy()
    error = expected_calibration_error(is_bot, found["score"].to_numpy())
    return LabelCalibration(error, int(is_bot.sum()), int((~is_bot).sum()))
