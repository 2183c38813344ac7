"""Accounts that were idle for long: they begin anew, whether or not they were swept."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.events import EVENT_SCHEMA
from features.catalogue import DEFAULT
from features.columns import derive
from features.state import AccountFeatures, both_roles

DAY_MS = 86_400_000
START_MS = 20_000 * DAY_MS
TTL_MS = 30 * DAY_MS
LATENESS_MS = 3_600_000
NOBODY = np.zeros(100_000, np.bool_)


def engine() -> AccountFeatures:
    return AccountFeatures(DEFAULT, LATENESS_MS, TTL_MS)


def process(features: AccountFeatures, rows: list[dict[str, object]]) -> np.ndarray:
    events = pl.DataFrame([{"type": "swipe", "event_id": f"{r}", **r} for r in rows], schema=EVENT_SCHEMA)
    columns = derive(events, features.plan.predicates, features.plan.needs)
    return features.process(columns, both_roles(columns)).vectors


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([0, 1000, DAY_MS, TTL_MS, TTL_MS + 1])), max_size=40)
)
def test_when_an_idle_account_is_swept_changes_no_number(steps):
    swept, kept, now = engine(), engine(), START_MS
    for account, pause in steps:
        now += pause
        rows = [{"account_id": account, "ts": now, "target_id": "d"}]
        swept.sweep(now - TTL_MS - LATENESS_MS, 3, NOBODY[: swept.top])
        assert process(swept, rows).tobytes() == process(kept, rows).tobytes()


def test_an_account_that_comes_back_after_its_time_begins_anew_and_one_that_comes_before_does_not():
    signup = {"account_id": "a", "ts": START_MS, "type": "signup"}
    since = DEFAULT.names.index("hours_since_signup")
    for pause, hours in ((TTL_MS, TTL_MS / 3_600_000), (TTL_MS + 1, np.nan)):
        features = engine()
        process(features, [signup])
        np.testing.assert_equal(process(features, [{"account_id": "a", "ts": START_MS + pause}])[0, since], hours)


def test_memory_of_swept_accounts_is_used_again():
    features = engine()
    sizes = []
    for month in range(4):
        now = START_MS + month * 2 * TTL_MS
        rows = [{"account_id": f"{month}-{i}", "ts": now + i} for i in range(2000)]
        while len(features.sweep(now - TTL_MS - LATENESS_MS, 500, NOBODY[: features.top])):
            pass
        process(features, rows)
        sizes.append(features.nbytes)
    assert len(features) == 2000
    assert sizes[1:] == sizes[:1] * 3


def test_pinned_accounts_are_kept():
    features = engine()
    process(features, [{"account_id": f"{i}", "ts": START_MS + i} for i in range(10)])
    pinned = np.arange(10) % 2 == 0
    freed = features.sweep(START_MS + TTL_MS, 100, pinned)
    assert sorted(freed.tolist()) == [1, 3, 5, 7, 9]
    assert len(features) == 5
