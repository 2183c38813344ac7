from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.contract.events import EVENT_SCHEMA
from features import arrays
from features.catalogue import DEFAULT
from features.columns import derive
from features.rhythms import GapQuantile
from features.state import AccountFeatures, both_roles

EDGES = [
    0, 1, 63, 64, 999, 1000, 2000, 4999, 5000, 59_999, 60_000, 60_001, 600_000, 1_799_999, 1_800_000, 3_600_000,
    3_600_001, 86_400_000, 86_400_001, 600_000_000,
]  # fmt: skip
LATENESS_MS = 3_600_000
OUTCOMES = np.array(["processed", "duplicate", "late"])
TEXTS = [
    "hi",
    "Hi!",
    "see http://x.example",
    "hello you 555",
    "telegram @some_one",
    "nice \U0001f600 day",
    "\u043f\u0440\u0438\u0432\u0435\u0442",
]
TYPES = [
    "message", "message", "message", "swipe", "swipe", "match", "unmatch", "signup", "post", "reply", "like", "follow",
    "report", "block", "login", "profile_update",
]  # fmt: skip


def frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    """Make a decoded batch; every row gets an event id of its own unless it names one."""
    rows = [{"event_id": f"e{i}", "account_id": "a", **row} for i, row in enumerate(rows)]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)


@st.composite
def streams(draw: st.DrawFn, lateness_ms: int = 0, size: int = 60) -> list[dict[str, object]]:
    """Draw events of a few accounts with each other, with ties, idle gaps, window edges, duplicates and disorder."""
    rows, now = [], 1_700_000_000_000
    for i in range(draw(st.integers(1, size))):
        now += draw(st.sampled_from(EDGES) | st.integers(0, 90_000))
        late = draw(st.integers(0, lateness_ms)) if lateness_ms and draw(st.booleans()) else 0
        row = {
            "event_id": f"e{i}",
            "account_id": draw(st.sampled_from("abc")),
            "ts": now - late,
            "type": draw(st.sampled_from(TYPES)),
            "target_id": draw(st.sampled_from([None, "a", "b", "c", "t1"])),
        }
        if row["type"] in ("message", "post", "reply"):
            row["text"] = draw(st.sampled_from(TEXTS))
        if row["type"] == "swipe":
            row["direction"] = draw(st.sampled_from(["like", "pass", "superlike"]))
        if row["type"] == "profile_update":
            row["photo_count"] = draw(st.sampled_from([None, 0, 3]))
            row["bio"] = draw(st.sampled_from([None, "", "about me"]))
            row["name"] = draw(st.sampled_from([None, "Ann", "ann1987"]))
        rows.append(row)
        if draw(st.integers(0, 9)) == 0:
            rows.append(row)
    return rows


def engine() -> AccountFeatures:
    return AccountFeatures(DEFAULT, LATENESS_MS)


def run(features: AccountFeatures, events: pl.DataFrame, cuts: list[int] = ()) -> tuple[list[str], np.ndarray]:
    """Process a stream cut into batches at the given rows."""
    outcomes, vectors = [], []
    ends = [*sorted(cuts), len(events)]
    for start, end in zip([0, *ends], ends, strict=False):
        columns = derive(events[start:end], features.plan.predicates, features.plan.needs)
        computed = features.process(columns, both_roles(columns))
        outcomes += OUTCOMES[computed.outcomes].tolist()
        vectors.append(computed.vectors)
    return outcomes, np.concatenate(vectors)


def agrees(vectors: np.ndarray, expected: np.ndarray) -> None:
    """Hold vectors to the reference: quantiles of gaps within the error their sketch states, all others exactly."""
    for place, feature in enumerate(DEFAULT.features):
        sketch = isinstance(feature.aggregate, GapQuantile)
        error = {"rtol": 0.19, "atol": 0.064} if sketch else {"rtol": 1e-9, "atol": 1e-5}
        np.testing.assert_allclose(vectors[:, place], expected[:, place], **error, err_msg=feature.name)


@given(streams(lateness_ms=LATENESS_MS, size=40))
@settings(max_examples=60)
def test_every_feature_agrees_with_recounting_the_window(reference, rows):
    events = frame(rows)
    outcomes, vectors = run(engine(), events)
    expected_outcomes, expected = reference(DEFAULT, engine().hold_ms).process(events)
    assert outcomes == expected_outcomes
    agrees(vectors, expected)


@given(streams(lateness_ms=7_200_000), st.lists(st.integers(0, 60), max_size=5))
def test_where_a_batch_ends_changes_no_bit(rows, cuts):
    events = frame(rows)
    whole = run(engine(), events)
    parts = run(engine(), events, [c for c in cuts if c <= len(events)])
    assert whole[0] == parts[0]
    assert whole[1].tobytes() == parts[1].tobytes()


@given(streams(), st.randoms(use_true_random=False))
def test_arrivals_shuffled_within_the_lateness_allowed_end_in_the_same_state_bit_for_bit(rows, random):
    unique = list({row["event_id"]: row for row in rows}.values())
    shuffled = sorted(unique, key=lambda row: row["ts"] + random.randint(0, LATENESS_MS))
    ends = []
    for order in (unique, shuffled):
        features = engine()
        run(features, frame(order))
        ends.append(content(features))
    assert ends[0] == ends[1]


def test_an_opening_that_comes_late_takes_the_place_of_the_one_behind_it():
    late, first = (
        {
            "event_id": name,
            "account_id": "a",
            "ts": 1_700_000_000_000 + at,
            "type": "message",
            "target_id": "b",
            "text": "same text",
        }
        for name, at in (("late", 0), ("first", 1000))
    )
    ends = []
    for order in ([late, first], [first, late]):
        features = engine()
        run(features, frame(order))
        ends.append(content(features))
    assert ends[0] == ends[1]


def content(features: AccountFeatures) -> dict[int, tuple[bytes, list[tuple[int, ...]]]]:
    """Say all that is known of each account, but not where in memory it lies: its record and its held events."""
    known, fixed, found, chunk = features.snapshot(), features.plan.constants, {}, 0
    records = features.records(features.slots())
    for key, record, size in zip(known["keys"].tolist(), records, known["sizes"][:, 1].tolist(), strict=True):
        halves, shorts = record.view(np.int32), record.view(np.uint16)
        capacity, head, held = halves[arrays.CAPACITY : arrays.HELD + 1].tolist()
        places = np.arange(head, head + held)
        words = [known["log"][chunk + f * capacity + places] for f in range(fixed["FIELDS_64"])]
        small = known["log"].view(np.int32)[2 * (chunk + fixed["FIELDS_64"] * capacity) :]
        events = [*words, *(small[f * capacity + places] for f in range(fixed["FIELDS_32"]))]
        shorts[fixed["STARTS"] : fixed["STARTS"] + fixed["WINDOW_COUNT"]] -= np.uint16(head)
        halves[arrays.CAPACITY], halves[arrays.HEAD] = 0, 0
        found[key] = (record.tobytes(), np.array(events, np.int64).tolist())
        chunk += size
    return found


@given(streams(lateness_ms=7_200_000), st.integers(0, 60))
def test_a_restored_snapshot_goes_on_as_if_nothing_had_happened(rows, cut):
    events = frame(rows)
    cut = min(cut, len(events))
    first, second = engine(), engine()
    run(first, events[:cut])
    snapshot = first.snapshot()
    uninterrupted = run(first, events[cut:])
    second.restore(snapshot)
    assert run(second, events[cut:])[1].tobytes() == uninterrupted[1].tobytes()


def test_a_snapshot_of_another_catalogue_is_refused():
    other = AccountFeatures(type(DEFAULT)(DEFAULT.features[:10]), LATENESS_MS)
    with pytest.raises(ValueError, match="written for other features"):
        other.restore(engine().snapshot())


def test_a_phone_that_syncs_late_is_no_burst():
    day = [{"type": "login", "ts": 86_400_000 * 20_000}]
    synced = [{"type": "message", "ts": 86_400_000 * 20_000 - 3_000_000 - i * 10_000} for i in range(60)]
    _, vectors = run(engine(), frame(day + synced))
    assert vectors[-1, DEFAULT.names.index("messages_count_1m")] == 0
    assert vectors[-1, DEFAULT.names.index("messages_count_24h")] == 60


def test_an_account_beyond_the_held_maximum_loses_its_oldest_events_only():
    n = arrays.HELD_MAX + 1000
    features = engine()
    _, vectors = run(features, frame([{"type": "swipe", "ts": 1_700_000_000_000 + i} for i in range(n)]))
    assert vectors[-1, DEFAULT.names.index("events_count_24h")] == arrays.HELD_MAX
    assert vectors[999, DEFAULT.names.index("events_count_24h")] == 1000


def test_many_accounts_grow_the_arrays_and_keep_their_numbers():
    rows = [{"type": "swipe", "ts": 1_700_000_000_000 + i, "account_id": f"a{i % 5000}"} for i in range(15_000)]
    _, vectors = run(engine(), frame(rows), [100, 7000])
    assert (vectors[-5000:, DEFAULT.names.index("swipes_count_1h")] == 3).all()


def test_feature_names_are_unique_and_meanings_written():
    assert len(set(DEFAULT.names)) == len(DEFAULT.names) >= 100
    assert all(feature.meaning for feature in DEFAULT.features)


def test_outcome_codes_name_themselves():
    assert OUTCOMES[[arrays.PROCESSED, arrays.DUPLICATE, arrays.LATE]].tolist() == ["processed", "duplicate", "late"]
