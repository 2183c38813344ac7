"""Calibration: from a model's raw log-odds to the probability that an account is a bot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS: Final = 10
"""Equal slices of [0, 1] over which the expected calibration error is taken."""
_RAW_MAX: Final = 700.0  # beyond it exp overflows, and every probability has long been 0 or 1


class Platt(msgspec.Struct, frozen=True, tag="platt", tag_field="method"):
    """A logistic curve over the raw score; ``slope`` is positive, so it never reorders accounts."""

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.slope < np.inf and np.isfinite(self.intercept)):
            msg = f"expected a positive slope and a finite intercept, got {self.slope} and {self.intercept}"
            raise ValueError(msg)

    def probabilities(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map raw scores to probabilities."""
        exponent = np.clip(self.slope * raw + self.intercept, -_RAW_MAX, _RAW_MAX)
        return 1.0 / (1.0 + np.exp(-exponent))


class Isotonic(msgspec.Struct, frozen=True, tag="isotonic", tag_field="method"):
    """A rising line through knots of raw score and probability."""

    raw: tuple[float, ...]
    probability: tuple[float, ...]

    def __post_init__(self) -> None:
        raw, probability = np.array(self.raw), np.array(self.probability)
        whole = len(raw) == len(probability) >= 2 and bool(np.isfinite(raw).all())
        if not whole or (np.diff(raw) <= 0).any() or (np.diff(probability) < 0).any():
            raise ValueError("expected two or more knots, rising in raw score and never falling in probability")
        if not 0 <= self.probability[0] <= self.probability[-1] <= 1:
            raise ValueError("expected the knots' probabilities to lie in [0, 1]")

    def probabilities(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map raw scores to probabilities."""
        return np.interp(raw, self.raw, self.probability)


Calibration = Platt | Isotonic


def fit_platt(raw: NDArray[np.float64], is_bot: NDArray[np.bool_], weights: NDArray[np.float64]) -> Platt | None:
    """Fit a logistic curve; None where the raw score does not rise with the share of bots."""
    from sklearn.linear_model import LogisticRegression

    curve = LogisticRegression(C=1.0).fit(raw[:, None], is_bot, weights)
    slope, intercept = float(curve.coef_[0, 0]), float(curve.intercept_[0])
    return Platt(slope, intercept) if slope > 0 else None


def fit_isotonic(
    raw: NDArray[np.float64],
    is_bot: NDArray[np.bool_],
    weights: NDArray[np.float64],
    raw_bounds: tuple[float, float],
) -> Isotonic:
    """Fit isotonic regression, then put one knot at the middle of each of its steps.

    Plain isotonic regression is flat between steps, which makes thousands of accounts tie. Joining the steps'
    middles, out to the lowest and highest score the trees can give, keeps the fit and the order of accounts.
    """
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0, y_max=1).fit_transform(raw, is_bot.astype(float), sample_weight=weights)
    order = np.argsort(raw, kind="stable")
    step = np.concatenate([[0], np.cumsum(np.diff(fitted[order]) > 0)])
    mass = np.bincount(step, weights[order])
    middles = np.bincount(step, (raw * weights)[order]) / mass
    bots = np.bincount(step, (is_bot * weights)[order])
    shares = (bots + 0.5) / (mass + 1)  # half an account each way: no step is certain
    rising = shares > np.maximum.accumulate(np.concatenate([[0.0], shares[:-1]]))
    inner = dict(zip(middles[rising].tolist(), shares[rising].tolist(), strict=True))
    knots = {raw_bounds[0] - 1: 0.0} | inner | {raw_bounds[1] + 1: 1.0}
    return Isotonic(tuple(knots), tuple(knots.values()))


def expected_calibration_error(is_bot: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Return the mean distance between score and share of bots over equal slices of the score."""
    slices = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(slices, scores - is_bot, minlength=BINS)
    return float(np.abs(gaps).sum() / len(scores))
