"""Reasons: what weighed in a decision, in words an analyst or a support agent can read out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from detector.contract.decisions import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from features.views import Feature

REASONS_MIN: Final = 3
REASONS_MAX: Final = 5
SHARE_OF_STRONGEST: Final = 0.1
"""A fourth and fifth reason are given only if they weigh at least this share of the first."""

EXPIRED: Final = Reason(
    code="EXPIRED", text="The time of the verdict is over.", feature=None, value=None, contribution=None
)


def reasons_for(
    features: Sequence[Feature], vector: NDArray[np.float64], contributions: NDArray[np.float64]
) -> tuple[Reason, ...]:
    """Name the 3 to 5 features that pushed the score up most.

    ``vector`` and ``contributions`` have shape (F,); contributions are SHAP values in log-odds (Lundberg et al.,
    "From local explanations to global understanding with explainable AI for trees", 2020; `models.tree_shap`).
    """
    order = contributions.argsort(kind="stable")[::-1][:REASONS_MAX]
    strongest = float(contributions[order[0]])
    chosen = [
        i
        for place, i in enumerate(order)
        if place < REASONS_MIN or contributions[i] >= max(strongest * SHARE_OF_STRONGEST, 1e-9)
    ]
    return tuple(_reason(features[i], float(vector[i]), float(contributions[i])) for i in chosen)


def _reason(feature: Feature, value: float, contribution: float) -> Reason:
    known = math.isfinite(value)
    shown = f"{value:.4g}" if known else "nothing to measure"
    window = "over its life" if feature.window_ms is None else f"within {feature.window}"
    return Reason(
        code=feature.name.upper(),
        text=f"{feature.meaning[:1].upper()}{feature.meaning[1:]}, {window}: {shown}.",
        feature=feature.name,
        value=value if known else None,
        contribution=round(contribution, 6),
    )
