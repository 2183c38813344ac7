"""Calibration gives probabilities and never changes who ranks above whom."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calibration import Platt, fit_isotonic, fit_platt


def drawn(seed: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    raw = np.round(rng.normal(0, 3, size), 1)
    is_bot = rng.random(size) < 1 / (1 + np.exp(-(2 * raw - 1)))
    is_bot[:2] = [True, False]
    return raw, is_bot, rng.choice([0.25, 0.5, 1.0], size)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 9999), size=st.integers(2, 300))
def test_a_higher_raw_score_never_gets_a_lower_probability(seed: int, size: int) -> None:
    raw, is_bot, weights = drawn(seed, size)
    grid = np.linspace(-20, 20, 400)
    isotonic = fit_isotonic(raw, is_bot, weights, (-20.0, 20.0)).probabilities(grid)
    assert (np.diff(isotonic) > 0).all()
    assert 0 <= isotonic[0] <= isotonic[-1] <= 1
    platt = fit_platt(raw, is_bot, weights)
    if platt is not None:
        assert (np.diff(platt.probabilities(grid)) >= 0).all()


def test_calibrated_scores_match_the_share_of_bots() -> None:
    raw, is_bot, weights = drawn(0, 20_000)
    for calibration in (fit_platt(raw, is_bot, weights), fit_isotonic(raw, is_bot, weights, (-20.0, 20.0))):
        assert calibration is not None
        p = calibration.probabilities(raw)
        for low in (0.0, 0.2, 0.4, 0.6, 0.8):
            held = (p >= low) & (p < low + 0.2)
            assert abs(p[held].mean() - is_bot[held].mean()) < 0.05


def test_a_score_that_falls_with_the_share_of_bots_is_not_calibrated() -> None:
    raw, is_bot, weights = drawn(0, 500)
    assert fit_platt(-raw, is_bot, weights) is None


def test_extreme_raw_scores_stay_probabilities() -> None:
    assert Platt(2.0, 0.0).probabilities(np.array([-np.inf, -1e200, 1e200, np.inf])).tolist()[2:] == [1.0, 1.0]
