"""The search for settings is seeded, says what it tried, and never ends worse than it began."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.tuning import LEAVES_MAX, Tuned, tune

START = {
    "learning_rate": 0.05, "num_leaves": 8, "min_data_in_leaf": 20, "lambda_l2": 3.0, "feature_fraction": 0.2,
    "bagging_fraction": 0.7, "objective": "binary",
}  # fmt: skip


def bowl(chosen: dict[str, Any]) -> float:
    """Give a loss that is least at 40 leaves and a feature fraction of 0.8."""
    return (chosen["num_leaves"] - 40) ** 2 / 1000 + (chosen["feature_fraction"] - 0.8) ** 2


@pytest.fixture(scope="module")
def tuned() -> Tuned:
    return tune(START, bowl, trials=30, seed=1)


def test_it_begins_with_the_settings_there_were(tuned: Tuned) -> None:
    assert tuned.tried[0].parameters == {name: START[name] for name in tuned.tried[0].parameters}
    assert tuned.tried[0].loss == bowl(START)


def test_it_finds_better_ones_where_there_are(tuned: Tuned) -> None:
    assert tuned.best.loss < 0.2 * tuned.tried[0].loss
    assert tuned.best == min(tuned.tried, key=lambda trial: trial.loss)
    assert len(tuned.tried) == 30


def test_the_same_seed_tries_the_same(tuned: Tuned) -> None:
    assert tune(START, bowl, trials=30, seed=1) == tuned
    assert tune(START, bowl, trials=30, seed=2) != tuned


def test_settings_that_are_not_searched_reach_every_trial() -> None:
    seen = []
    tune(START, lambda chosen: seen.append(chosen["objective"]) or 0.0, trials=3, seed=0)
    assert seen == ["binary"] * 3


def test_trees_stay_small_enough_to_run_compiled(tuned: Tuned) -> None:
    assert all(4 <= trial.parameters["num_leaves"] <= LEAVES_MAX for trial in tuned.tried)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 8), st.integers(0, 1000))
def test_however_few_trials_it_is_never_worse_than_before(trials: int, seed: int) -> None:
    told: list[tuple[int, int]] = []
    found = tune(START, bowl, trials, seed, lambda done, total: told.append((done, total)))
    assert found.best.loss <= bowl(START)
    assert told == [(i + 1, trials) for i in range(trials)]
