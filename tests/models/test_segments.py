"""Rates of false positives by segment: exact, with intervals, and marked only where they differ beyond chance."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact

from models.metrics import share_interval
from models.segments import HUMANS_MIN, SegmentRate, false_positives


def rates(flagged: dict[str, tuple[int, int]], dimension: str = "country") -> dict[str, SegmentRate]:
    """Count segments given as name: (flagged, humans)."""
    names = [name for name, (_, humans) in flagged.items() for _ in range(humans)]
    caught = [i < some for some, humans in flagged.values() for i in range(humans)]
    return {rate.segment: rate for rate in false_positives(pl.DataFrame({dimension: names}), np.array(caught))}


def test_a_segment_that_is_flagged_far_more_often_is_marked_and_the_others_keep_their_rates() -> None:
    found = rates({"DE": (2, 400), "FR": (2, 380), "ES": (40, 300)})
    assert found["ES"].differs
    assert found["ES"].false_positive_rate == pytest.approx(40 / 300)
    assert found["ES"].interval == pytest.approx(tuple(binomtest(40, 300).proportion_ci(method="wilson")))
    assert [rate.humans for rate in found.values()] == [400, 380, 300]


def test_with_two_segments_the_test_is_fishers() -> None:
    found = rates({"f": (9, 100), "m": (2, 100)})
    expected = fisher_exact([[9, 91], [2, 98]]).pvalue
    assert found["f"].p_adjusted == found["m"].p_adjusted == pytest.approx(expected)


def test_among_many_segments_alike_chance_marks_hardly_any() -> None:
    """Of 40 platforms without any difference one in 20 shows a mark at the most: that is what is controlled."""
    rng = np.random.default_rng(0)
    marked = 0
    for _ in range(40):
        table = pl.DataFrame({"country": rng.choice(list("ABCDEFGH"), 600)})
        marked += any(rate.differs for rate in false_positives(table, rng.random(600) < 0.1))
    assert marked <= 4


def test_segments_of_few_people_are_shown_and_not_tested() -> None:
    found = rates({"DE": (0, 100), "FR": (HUMANS_MIN - 1, HUMANS_MIN - 1)})
    assert (found["FR"].p_adjusted, found["FR"].differs, found["FR"].false_positive_rate) == (None, False, 1.0)


def test_who_has_no_segment_counts_nowhere_and_one_segment_alone_is_no_dimension() -> None:
    table = pl.DataFrame({"gender": ["f"] * 30 + ["m"] * 30 + [None] * 9, "platform": ["web"] * 69})
    found = false_positives(table, np.zeros(69, np.bool_))
    assert [(rate.dimension, rate.segment, rate.humans) for rate in found] == [("gender", "f", 30), ("gender", "m", 30)]


def test_without_people_there_is_nothing_to_say() -> None:
    assert false_positives(pl.DataFrame({"gender": []}, schema={"gender": pl.String}), np.zeros(0, np.bool_)) == ()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=120))
def test_the_segments_of_a_dimension_add_up_to_its_people(people: list[tuple[str, bool]]) -> None:
    table = pl.DataFrame({"x": [name for name, _ in people]}, schema={"x": pl.String})
    flagged = np.array([caught for _, caught in people], np.bool_)
    found = false_positives(table, flagged)
    assert sum(rate.humans for rate in found) in {0, len(people)}
    assert sum(rate.flagged for rate in found) in {0, int(flagged.sum())}
    for rate in found:
        low, high = rate.interval
        assert low - 1e-9 <= rate.false_positive_rate <= high + 1e-9


def test_of_nothing_any_share_is_possible() -> None:
    assert share_interval(0, 0) == (0.0, 1.0)
