"""Accounts are split, judged and measured as the card says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.contract.errors import UsageError
from models.calibration import expected_calibration_error
from models.history import Accounts, Points, Trace
from models.metrics import bootstrap, measure, recall_at_fpr
from models.split import BY_TIME, FOLDS, STRATIFIED, Side, split_accounts
from models.thresholds import FLOORS, choose_thresholds, flagged_share


def accounts(bots: int, humans: int, campaign: int = 1, seed: int = 0, order: str = "mixed") -> Accounts:
    rng = np.random.default_rng(seed)
    is_bot = np.arange(bots + humans) < bots
    group = np.where(is_bot, np.arange(bots + humans) // campaign, np.arange(bots + humans) + bots)
    first_ms = rng.permutation(bots + humans) if order == "mixed" else np.arange(bots + humans)
    return Accounts(is_bot, group, first_ms * 1000, np.full(bots + humans, 3))


@settings(max_examples=60, deadline=None)
@given(st.integers(10, 80), st.integers(10, 80), st.integers(1, 3), st.integers(0, 99))
def test_every_side_has_both_classes_and_no_campaign_is_on_two(
    bots: int, humans: int, campaign: int, seed: int
) -> None:
    given_accounts = accounts(bots, humans, campaign, seed)
    split = split_accounts(given_accounts, seed)
    for side in Side:
        assert {True, False} == set(given_accounts.is_bot[split.on(side)].tolist())
    for fold in range(FOLDS):
        assert {True, False} == set(given_accounts.is_bot[split.fold != fold].tolist())
    for group in np.unique(given_accounts.group):
        for parts in (split.side, split.fold):
            assert len(np.unique(parts[given_accounts.group == group])) == 1


def test_the_newest_fifth_of_the_accounts_is_told_from_the_older() -> None:
    given_accounts = accounts(60, 90)
    split = split_accounts(given_accounts, 0)
    assert split.method == BY_TIME
    ages = [given_accounts.first_ms[split.on(side)] for side in Side]
    assert [len(age) for age in ages] == [120, 30]
    assert ages[0].max() < ages[1].min()


def test_where_all_bots_came_first_a_fold_stands_for_the_newest() -> None:
    split = split_accounts(accounts(30, 100, order="bots first"), 0)
    assert split.method == STRATIFIED
    assert len(np.unique(split.fold[split.on(Side.NEWER)])) == 1


@pytest.mark.parametrize(
    ("bots", "humans", "campaign", "message"),
    [
        (9, 100, 1, "at least 10 bots and 10 humans .* got 9 and 100"),
        (100, 0, 1, "got 100 and 0"),
        (20, 40, 20, "several campaigns, got 1"),
    ],
)
def test_labels_that_cannot_be_split_are_refused(bots: int, humans: int, campaign: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        split_accounts(accounts(bots, humans, campaign), 0)


def test_accounts_weigh_the_same_however_many_points_they_have() -> None:
    account, nth = np.array([0, 0, 0, 2, 2, 5]), np.array([5, 10, 12, 5, 6, 3])
    weights = Points(np.zeros((6, 1)), account, nth).weights()
    assert np.bincount(account, weights)[[0, 2, 5]].tolist() == [1, 1, 1]
    assert weights.tolist() == [0.25, 0.25, 0.5, 0.5, 0.5, 1]


def trace(*rows: tuple[int, int, int, float]) -> Trace:
    account, nth, ts, score = (np.array(column) for column in zip(*rows, strict=True))
    return Trace(account, nth, ts, score.astype(float))


STORY = trace((0, 1, 0, 0.9), (1, 1, 0, 0.1), (0, 2, 5000, 0.7), (1, 2, 100, 0.8), (0, 3, 9000, 0.2), (1, 3, 200, 0.1))


def test_the_last_score_and_the_first_flag_come_from_the_order_of_events() -> None:
    assert STORY.final(2).tolist() == [0.2, 0.1]
    assert STORY.highest(2, events_min=2).tolist() == [0.7, 0.8]
    assert STORY.first_at(0.6, 2, events_min=2).tolist() == [2, 3]
    assert STORY.first_at(0.75, 2, events_min=2).tolist() == [-1, 3]


def test_flags_count_for_good_and_final_scores_do_not() -> None:
    two = Accounts(np.array([True, False]), np.arange(2), np.array([0, 0]), np.array([3, 3]))
    found = measure(two, STORY, threshold=0.6, events_min=2)
    assert (found.auc, found.precision, found.recall) == (1.0, 0.5, 1.0)
    assert (found.median_events_to_flag, found.median_seconds_to_flag) == (2.0, 5.0)
    assert (found.n, found.positives) == (2, 1)
    assert found.bots_flagged_within["5"] == 1
    late = measure(two, STORY, threshold=0.85, events_min=2)
    assert (late.bots_flagged_within["5"], late.humans_flagged_within["5"]) == (0, 0)


@pytest.mark.parametrize("is_bot", [True, False])
def test_one_class_alone_leaves_open_what_needs_two(is_bot: bool) -> None:
    both = Accounts(np.array([is_bot, is_bot]), np.arange(2), np.array([0, 0]), np.array([3, 3]))
    found = measure(both, STORY, threshold=0.99, events_min=1)
    assert found.auc is None
    assert found.recall_at_fpr_1pct is None
    assert found.median_events_to_flag is None
    assert found.brier >= 0


def test_recall_at_a_rate_counts_the_humans_above() -> None:
    is_bot = np.arange(200) < 100
    scores = np.where(is_bot, 0.5, 0.1)
    scores[100] = 0.7
    scores[:40] = 0.9
    assert recall_at_fpr(is_bot, scores, 0.0) == 0.4
    assert recall_at_fpr(is_bot, scores, 0.01) == 1.0


def test_scores_equal_to_the_shares_are_calibrated() -> None:
    is_bot = np.arange(1000) % 4 == 0
    assert expected_calibration_error(is_bot, np.full(1000, 0.25)) == 0
    assert expected_calibration_error(is_bot, np.full(1000, 1.0)) == 0.75


def test_an_interval_holds_the_value_and_repeats() -> None:
    rng = np.random.default_rng(0)
    is_bot = rng.random(300) < 0.3
    scores = np.clip(is_bot * 0.3 + rng.random(300) * 0.6, 0, 1)

    def at_1pct(bots: np.ndarray, values: np.ndarray) -> float | None:
        return recall_at_fpr(bots, values, 0.1)

    first = bootstrap(is_bot, scores, at_1pct, np.random.default_rng(1), 100)
    assert first == bootstrap(is_bot, scores, at_1pct, np.random.default_rng(1), 100)
    assert first is not None
    assert first[0] <= at_1pct(is_bot, scores) <= first[1]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=3000))
def test_thresholds_rise_and_keep_to_their_rates(scores: list[float]) -> None:
    humans = np.array(scores)
    chosen = choose_thresholds(humans)
    cuts = [threshold.score for threshold in chosen.values()]
    assert cuts == sorted(cuts)
    for step, threshold in chosen.items():
        assert FLOORS[step] <= threshold.score <= 1
        if threshold.score < 1:
            assert flagged_share(humans, threshold.score) <= threshold.false_positive_rate


def test_few_humans_put_strict_thresholds_just_above_their_highest_score() -> None:
    chosen = choose_thresholds(np.linspace(0, 0.95, 50))
    assert len({threshold.score for threshold in chosen.values()}) == 1
    assert 0.95 < chosen["block"].score < 0.950001
