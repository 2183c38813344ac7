"""Fairness: how often people of each segment are flagged, and which segments differ from the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from scipy.stats import false_discovery_control, fisher_exact

from models.metrics import share_interval

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

HUMANS_MIN: Final = 20
"""Segments of fewer people are shown and not tested."""
FALSE_DISCOVERIES: Final = 0.05


class SegmentRate(msgspec.Struct, frozen=True, kw_only=True):
    """How often the people of a segment are flagged."""

    dimension: str
    segment: str
    humans: int
    flagged: int
    false_positive_rate: float
    interval: tuple[float, float]
    """95 %, by Wilson."""
    p_adjusted: float | None
    """Fisher's exact test against all others of the dimension, adjusted for the number of tests (Benjamini and
    Hochberg); None where the segment is too small, or there are no others."""
    differs: bool
    """Whether it is at most 0.05: of the segments marked so, 5 % are expected not to differ."""


def false_positives(segments: pl.DataFrame, flagged: NDArray[np.bool_]) -> tuple[SegmentRate, ...]:
    """Compare the rates at which people were flagged; ``segments`` has a row for each and a column a dimension.

    Who has no segment in a dimension counts nowhere in it; a dimension without two segments is left out.
    """
    counted: list[tuple[str, str, int, int, float | None]] = []
    for dimension in segments.columns:
        column = segments[dimension].to_numpy()
        known = np.array([value is not None for value in column], np.bool_)
        names, counts = np.unique(column[known].astype(str), return_counts=True)
        if len(names) < 2:
            continue
        for place in np.lexsort((names, -counts)).tolist():
            inside = known & (column == names[place])
            chance = _chance(flagged[inside], flagged[known & ~inside])
            counted.append((dimension, str(names[place]), int(inside.sum()), int(flagged[inside].sum()), chance))
    adjusted = _adjusted([chance for *_, chance in counted])
    return tuple(
        SegmentRate(
            dimension=dimension,
            segment=segment,
            humans=humans,
            flagged=caught,
            false_positive_rate=caught / humans,
            interval=share_interval(caught, humans),
            p_adjusted=p,
            differs=p is not None and p <= FALSE_DISCOVERIES,
        )
        for (dimension, segment, humans, caught, _), p in zip(counted, adjusted, strict=True)
    )


def _chance(inside: NDArray[np.bool_], others: NDArray[np.bool_]) -> float | None:
    """Return how likely chance alone parts two groups as far as this, or further; None for groups too small."""
    if min(len(inside), len(others)) < HUMANS_MIN:
        return None
    table = [[int((group == value).sum()) for value in (True, False)] for group in (inside, others)]
    return float(fisher_exact(table).pvalue)


def _adjusted(chances: list[float | None]) -> list[float | None]:
    tested = [chance for chance in chances if chance is not None]
    adjusted = iter(false_discovery_control(tested, method="bh").tolist() if tested else ())
    return [None if chance is None else next(adjusted) for chance in chances]
