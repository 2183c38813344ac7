"""How a stream is cut into batches and shards changes no number of any account."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.events import EVENT_SCHEMA
from detector.engine import AccountShard
from detector.policy import Policy
from detector.shard_batch import split, whole
from features.catalogue import DEFAULT
from features.intake import Intake
from features.specialise import specialise

LATENESS_MS = 3_600_000
NEVER = Policy((2.0, 2.0, 2.0, 2.0), (1, 1, 1, 1), events_min=1, shadow=False)


class Nothing(NamedTuple):
    """A model that sees every feature and finds nothing."""

    version: str = "nothing"
    feature_names: tuple[str, ...] = DEFAULT.names

    def score(self, vectors: np.ndarray) -> np.ndarray:
        return np.zeros(len(vectors))

    def explain(self, vectors: np.ndarray) -> np.ndarray:
        return vectors


def shard() -> AccountShard:
    return AccountShard(DEFAULT, Nothing(), NEVER, LATENESS_MS, vectors_share=1.0)


@st.composite
def meetings(draw: st.DrawFn) -> pl.DataFrame:
    """Draw events in which a few accounts meet and share devices and texts."""
    rows, now = [], 1_700_000_000_000
    for i in range(draw(st.integers(1, 50))):
        now += draw(st.sampled_from([0, 1, 900, 60_000, 3_600_000, 90_000_000]))
        rows.append(
            {
                "event_id": f"e{i}",
                "account_id": draw(st.sampled_from("abcdef")),
                "ts": now - draw(st.sampled_from([0, 0, 5000, 1_800_000])),
                "type": draw(st.sampled_from(["message", "match", "swipe", "login", "report", "block", "signup"])),
                "target_id": draw(st.sampled_from([None, *"abcdef"])),
                "device_id": draw(st.sampled_from([None, "d1", "d2"])),
                "text": draw(st.sampled_from([None, "hello there, nice to meet you", "hi", "t.me/some_body"])),
                "direction": draw(st.sampled_from([None, "like", "pass"])),
            }
        )
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)


def by_event(events: pl.DataFrame, shards: int, cuts: list[int]) -> dict[str, bytes]:
    """Run the engine and return the vector after each event, as bytes."""
    intake, made = Intake(specialise(DEFAULT).plan, LATENESS_MS), [shard() for _ in range(shards)]
    ends = [*sorted(c for c in cuts if c < len(events)), len(events)]
    found = {}
    for start, end in zip([0, *ends], ends, strict=False):
        for place, batch in split(intake.process(events[start:end]), shards):
            vectors = made[place].process(batch, -(2**60), None).vectors
            found |= {e: v.tobytes() for e, v in zip(vectors["event_id"], vectors["vector"].to_numpy(), strict=True)}
    return found


@given(meetings(), st.sampled_from([2, 4, 16]), st.lists(st.integers(0, 50), max_size=6))
def test_batches_and_shards_change_no_bit_of_any_vector(events, shards, cuts):
    assert by_event(events, shards, cuts) == by_event(events, 1, [])


@given(meetings())
def test_a_batch_taken_whole_is_a_batch_split_into_one(events):
    intake = Intake(specialise(DEFAULT).plan, LATENESS_MS)
    arrived = intake.process(events)
    ((_, part),) = split(arrived, 1)
    one, other = shard().process(whole(arrived), 0, None), shard().process(part, 0, None)
    assert one.sampled_vectors.tobytes() == other.sampled_vectors.tobytes()
