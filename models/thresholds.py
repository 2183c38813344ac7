"""Thresholds: cuts on the score, chosen by how many humans they would flag."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from models.folder import Threshold

if TYPE_CHECKING:
    from numpy.typing import NDArray

FALSE_POSITIVE_RATES: Final = {"review": 0.01, "challenge": 0.005, "limit": 0.002, "block": 0.001}
"""The share of humans each verdict may reach at most."""

FLOORS: Final = {"review": 0.3, "challenge": 0.5, "limit": 0.7, "block": 0.9}
"""The least probability each verdict asks for, however few humans a lower one would flag.

On data that is easy to tell apart every human may score next to nothing; a cut just above them would block
accounts the model itself thinks human.
"""


def choose_thresholds(human_scores: NDArray[np.float64]) -> dict[str, Threshold]:
    """Choose the lowest cuts that keep to the rates, given the highest score each human ever had.

    With few humans the strict rates allow none at all, so their cuts meet just above the highest score.
    """
    chosen: dict[str, Threshold] = {}
    lowest = 0.0
    for step, rate in FALSE_POSITIVE_RATES.items():
        lowest = min(1.0, max(lowest, FLOORS[step], cut_at(human_scores, rate)))
        chosen[step] = Threshold(score=lowest, false_positive_rate=rate)
    return chosen


def cut_at(human_scores: NDArray[np.float64], rate: float) -> float:
    """Return the lowest score that at most this share of humans reaches; with few it may be none of them."""
    falling = np.sort(human_scores)[::-1]
    allowed = math.floor(rate * len(falling))
    return float(np.nextafter(falling[allowed], np.inf)) if allowed < len(falling) else 0.0


def highest_of(one: dict[str, Threshold], other: dict[str, Threshold]) -> dict[str, Threshold]:
    """Take the more careful of two choices at each step."""
    return {step: max(one[step], other[step], key=lambda threshold: threshold.score) for step in one}


def flagged_share(scores: NDArray[np.float64], threshold: float) -> float:
    """Return the share of accounts whose highest score reaches a threshold."""
    return float((scores >= threshold).mean()) if len(scores) else 0.0
