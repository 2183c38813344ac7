"""What is counted for an account's whole life goes on when events are no longer held, and fades by halves."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from detector.contract.events import EVENT_SCHEMA
from features.aggregates import Moment, Statistic
from features.catalogue import DEFAULT, Catalogue, lasting
from features.columns import derive
from features.plan import compile_plan
from features.rhythms import RepeatedCategories
from features.state import AccountFeatures, both_roles

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START_MS = 20_000 * DAY


def last(times_ms: list[int] | np.ndarray) -> dict[str, float]:
    """Give the features of an account after events at these times."""
    rows = {"event_id": [f"e{i}" for i in range(len(times_ms))], "ts": np.asarray(times_ms, np.int64)}
    missing = [pl.lit(None, kind).alias(name) for name, kind in EVENT_SCHEMA.items() if name not in rows]
    events = pl.DataFrame(rows).with_columns(missing).with_columns(type=pl.lit("post"), account_id=pl.lit("a"))
    features = AccountFeatures(DEFAULT, HOUR)
    columns = derive(events.select(list(EVENT_SCHEMA)), features.plan.predicates, features.plan.needs)
    vectors = features.process(columns, both_roles(columns)).vectors
    return dict(zip(DEFAULT.names, vectors[-1].tolist(), strict=True))


def test_a_clock_meets_its_own_second_as_often_as_can_be_and_a_person_as_chance_has_it():
    rng = np.random.default_rng(0)
    clock = last(START_MS + np.arange(300) * 7 * MINUTE)
    person = last(START_MS + np.cumsum(rng.integers(1000, 2 * HOUR, 300)))
    assert clock["second_coincidence_life"] == 30
    assert person["second_coincidence_life"] == pytest.approx(1, abs=0.2)
    assert person["minute_coincidence_life"] == pytest.approx(1, abs=0.2)


def test_a_beat_holds_no_surprise():
    """Ten seconds and ten minutes in turn: each pace says the next one, though no gap is like the one before."""
    beat = last(START_MS + np.cumsum([10_000, 10 * MINUTE] * 100))
    assert beat["pace_surprise_life"] == pytest.approx(0, abs=1e-6)
    assert beat["gap_like_before_ratio_life"] == 0
    assert last(START_MS + np.arange(100) * 9 * MINUTE)["gap_like_before_ratio_life"] == 1


def test_who_sleeps_has_quiet_hours():
    hours = [day * 24 + hour for day in range(10) for hour in range(9, 24)]
    assert last(START_MS + np.array(hours) * HOUR)["quietest_hours_ratio_life"] == 0
    assert last(START_MS + np.arange(240) * HOUR)["quietest_hours_ratio_life"] == pytest.approx(8 / 24)


def test_days_count_however_long_ago():
    found = last(START_MS + np.array([0, 1, 2, 20 * 24, 20 * 24 + 1]) * HOUR)
    assert found["events_count_life"] == 5
    assert found["events_per_day_life"] == 2.5
    assert found["active_days_ratio_life"] == 2 / 21


def test_full_bins_are_halved_and_shares_stay():
    """Every minute for 70,000 minutes: one bin of the seconds is full on the way; 30 bins of minutes are even."""
    found = last(START_MS + np.arange(70_000) * MINUTE)
    assert found["events_count_life"] == 70_000
    assert found["second_coincidence_life"] == 30
    assert found["minute_coincidence_life"] == pytest.approx(1, abs=1e-3)
    assert found["pace_surprise_life"] == pytest.approx(0, abs=1e-6)
    assert found["gap_entropy_life"] == pytest.approx(0, abs=1e-6)


def test_what_is_not_kept_for_life_is_refused():
    for aggregate in (Moment(Statistic.MEAN, "gap_ms", "has_gap"), RepeatedCategories("gap")):
        with pytest.raises(ValueError, match="life"):
            compile_plan(Catalogue(lasting("account", {"wrong": (aggregate, "wrong")})))
