from __future__ import annotations

from collections import defaultdict
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.entities import MEMBERS_MAX, WINDOWS_MS, SharedEntities

HOUR, DAY = WINDOWS_MS
LATENESS = 2 * HOUR
START = 1_700_000_000_000
EDGES = [0, 0, 1, HOUR - 1, HOUR, HOUR + 1, 20 * HOUR, DAY - 1, DAY, DAY + 1, DAY + LATENESS + 1]
MEMBERS = [low | high << 32 for high in (0, 1, 2**31, 2**32 - 1) for low in (1, 2, 3, 2**31, 2**32 - 1)]
"""Accounts whose keys differ in one half only, among others."""

SWEEP = "sweep"


class Reference:
    """Every entity's members, each with its newest time, recounted after each row; nothing is ever forgotten."""

    def __init__(self) -> None:
        self.members: dict[int, dict[int, int]] = defaultdict(dict)
        self.newest: dict[int, int] = {}

    def process(self, rows):
        return [self._row(*row) for row in rows]

    def _row(self, key, member, ts):
        newest = self.newest[key] = max(self.newest.get(key, ts), ts)
        times = self.members[key]
        if newest - ts <= DAY + LATENESS:
            times[member] = max(times.get(member, ts), ts)
        return [min(sum(newest - t <= window for t in times.values()), MEMBERS_MAX) for window in WINDOWS_MS]


def process(entities, rows):
    """Process rows (entity, account, time) as one batch."""
    keys, members, ts = zip(*rows, strict=True) if rows else ((), (), ())
    counts = entities.process(np.array(keys, np.uint64), np.array(members, np.uint64), np.array(ts, np.int64))
    assert counts.dtype == np.int32
    return counts.tolist()


def known(entities):
    """Give a snapshot in an order of its own: each entity's newest time and its members with their ages."""
    state = entities.snapshot()
    ends = np.cumsum(state["counts"])[:-1]
    parts = zip(np.split(state["members"], ends), np.split(state["ages"], ends), strict=True)
    members = [sorted(zip(m.tolist(), a.tolist(), strict=True)) for m, a in parts]
    return sorted(zip(state["keys"].tolist(), state["newest"].tolist(), members, strict=True))


@st.composite
def streams(draw, late_ms=LATENESS):
    """Draw rows of a few entities with ties, window edges, repeats, idle times and disorder, and sweeps between."""
    steps, now = [], START
    for _ in range(draw(st.integers(1, 80))):
        now += draw(st.sampled_from(EDGES) | st.integers(0, HOUR))
        late = draw(st.sampled_from([0, 0, late_ms]) | st.integers(0, late_ms))
        key, member = draw(st.integers(0, 3)), draw(st.sampled_from(MEMBERS))
        steps.append((key, member, now - late))
        if draw(st.integers(0, 9)) == 0:
            steps.append((SWEEP, now, draw(st.integers(0, 6))))
    return steps


def rows_of(steps):
    return [step for step in steps if step[0] != SWEEP]


@given(streams())
@settings(max_examples=200)
def test_counts_agree_with_a_recount_whenever_the_idle_are_swept(steps):
    entities, reference = SharedEntities(LATENESS), Reference()
    for is_sweep, group in groupby(steps, key=lambda step: step[0] == SWEEP):
        rows = list(group)
        if is_sweep:
            for _, watermark, count in rows:
                entities.sweep(watermark, count)
        else:
            assert process(entities, rows) == reference.process(rows)


@given(streams(late_ms=3 * DAY), st.lists(st.integers(0, 80), max_size=4))
def test_counts_agree_with_a_recount_however_late_and_wherever_a_batch_ends(steps, cuts):
    rows, entities, counts = rows_of(steps), SharedEntities(LATENESS), []
    ends = [*sorted(c for c in cuts if c <= len(rows)), len(rows)]
    for start, end in zip([0, *ends], ends, strict=False):
        counts += process(entities, rows[start:end])
    assert counts == Reference().process(rows)


@given(streams(), st.randoms(use_true_random=False))
def test_what_is_known_in_the_end_does_not_depend_on_the_order_of_arrival(steps, random):
    rows = rows_of(steps)
    in_order, shuffled = SharedEntities(LATENESS), SharedEntities(LATENESS)
    process(in_order, rows)
    process(shuffled, random.sample(rows, len(rows)))
    assert known(in_order) == known(shuffled)


@pytest.mark.parametrize("accounts", [10, 100, 700])
def test_counts_agree_with_a_recount_as_entities_grow_and_shrink(accounts):
    rng = np.random.default_rng(accounts)
    crowd = 1 + (accounts - 1) * np.abs(np.sin(np.arange(6_000) / 700)) ** 3
    ts = START + np.cumsum(rng.integers(0, 4 * DAY // accounts, 6_000)) - rng.integers(0, LATENESS, 6_000)
    members = (rng.random(6_000) * crowd).astype(int)
    rows = list(zip(rng.integers(0, 3, 6_000).tolist(), members.tolist(), ts.tolist(), strict=True))
    assert process(SharedEntities(LATENESS), rows) == Reference().process(rows)


def test_an_account_that_was_away_for_two_months_is_not_in_the_windows():
    rows = [(1, 7, START), *((1, 8, START + i * 20 * HOUR) for i in range(80))]
    assert process(SharedEntities(0), rows)[1:] == [[2, 2], [1, 2], *[[1, 1]] * 78]


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("ties", [1, 50, 100_000])
def test_counts_are_exact_up_to_1024_and_read_1024_beyond(shuffled, ties):
    rng = np.random.default_rng(ties)
    ts = START + np.arange(3_000) * 20_000 // ties * ties
    members = rng.integers(0, 2_000, 3_000)
    order = rng.permutation(3_000) if shuffled else np.arange(3_000)
    rows = list(zip([1] * 3_000, members[order].tolist(), ts[order].tolist(), strict=True))
    counts = process(SharedEntities(LATENESS), rows)
    assert counts == Reference().process(rows)
    assert max(day for _, day in counts) == MEMBERS_MAX == 1024


@pytest.mark.parametrize("ties", [1, 10, 1_000_000, HOUR])
def test_which_1024_accounts_are_known_does_not_depend_on_the_order_of_arrival(ties):
    rng = np.random.default_rng(ties)
    ts = START + rng.integers(0, HOUR, 3_000) // ties * ties
    rows = list(zip([1] * 3_000, rng.integers(0, 1_500, 3_000).tolist(), ts.tolist(), strict=True))
    one, other = SharedEntities(LATENESS), SharedEntities(LATENESS)
    process(one, rows)
    process(other, [rows[i] for i in rng.permutation(3_000)])
    assert known(one) == known(other)


@given(streams(), st.integers(0, 80), st.booleans())
def test_a_restored_state_goes_on_as_if_never_stopped(steps, cut, again):
    whole, before = SharedEntities(LATENESS), SharedEntities(LATENESS)
    rows = rows_of(steps)
    expected = process(whole, rows)
    process(before, rows[:cut])
    after = SharedEntities(LATENESS)
    if again:
        process(after, rows)  # what a state holds before it is restored is gone
    snapshot = before.snapshot()
    process(before, rows[cut:])
    after.restore(snapshot)
    assert process(after, rows[cut:]) == expected[cut:]
    assert known(after) == known(whole)
    assert len(after) == len(whole)


def test_a_large_state_is_restored_as_it_was():
    rng, entities, restored = np.random.default_rng(0), SharedEntities(LATENESS), SharedEntities(LATENESS)
    keys = rng.zipf(1.3, 60_000).astype(np.uint64)
    entities.process(keys, rng.integers(0, 1 << 64, 60_000, np.uint64), START + np.arange(60_000) * 3_000)
    restored.restore(entities.snapshot())
    assert known(restored) == known(entities)


def test_a_state_of_another_version_is_refused_with_what_to_do():
    entities = SharedEntities(LATENESS)
    snapshot = entities.snapshot() | {"version": np.array([99])}
    with pytest.raises(ValueError, match=r"version 99, expected 1: .*replaying the events topic"):
        entities.restore(snapshot)


def test_a_sweep_frees_the_idle_only_some_at_a_time():
    entities = SharedEntities(LATENESS)
    process(entities, [(key, 1, START + (key >= 60) * HOUR) for key in range(100)])
    idle_after = START + DAY + LATENESS
    assert entities.sweep(idle_after, 1_000) == 0
    assert [entities.sweep(idle_after + 1, 25) for _ in range(5)] == [25, 25, 10, 0, 0]
    assert len(entities) == 40
    assert SharedEntities(LATENESS).sweep(START, 10) == 0


def test_memory_is_bounded_by_what_is_live():
    entities, rng, sizes = SharedEntities(LATENESS), np.random.default_rng(0), []
    for day in range(30):
        keys = np.repeat(rng.integers(0, 1 << 64, 600, np.uint64), 40)
        entities.process(keys, rng.integers(0, 1 << 64, len(keys), np.uint64), np.full(len(keys), START + day * DAY))
        entities.sweep(START + day * DAY, 10_000)
        sizes.append(entities.nbytes)
    assert len(entities) <= 3 * 600
    assert sizes[-1] == sizes[5]


def test_arrays_grow_by_a_quarter_and_a_small_entity_takes_a_cache_line():
    entities, rng = SharedEntities(LATENESS), np.random.default_rng(0)
    for _ in range(60):
        keys = rng.integers(0, 1 << 64, 2_000, np.uint64)
        entities.process(keys, keys, np.full(2_000, START))
        assert len(entities) < 20_000 or entities.nbytes / len(entities) < 64 * 1.25 + 36 + 4
