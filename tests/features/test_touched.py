"""What a checkpoint must tell."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.entities import SharedEntities
from features.touched import Touched

HOUR = 3_600_000
STEPS = st.lists(
    st.one_of(
        st.lists(st.tuples(st.integers(1, 60), st.integers(1, 30), st.integers(0, 40)), min_size=1, max_size=20),
        st.sampled_from(["tell", "sweep"]),
    ),
    max_size=40,
)


def take(touched: Touched, held: int) -> tuple[set[int], bool]:
    turn = touched.take(np.arange(held))
    return set(turn.slots.tolist()), turn.complete


def test_nothing_changed_is_nothing_to_tell():
    touched = Touched()
    assert not touched
    touched.mark(np.array([3]), 100)
    assert touched
    take(touched, 100)
    assert not touched


def test_what_changed_is_told_once_and_the_others_in_turn():
    touched, told = Touched(), set[int]()
    for first in range(10):
        touched.mark(np.array([90 + first % 2]), 100)
        slots, complete = take(touched, 100)
        told |= slots
        assert 90 + first % 2 in slots
        assert len(slots) <= 1 + 2 + 16
        if complete:
            break
    assert told == set(range(100))


def known(entities: SharedEntities) -> list[tuple[object, ...]]:
    state = entities.snapshot()
    if not len(state["keys"]):
        return []
    ends = np.cumsum(state["counts"])[:-1]
    parts = zip(np.split(state["members"], ends), np.split(state["ages"], ends), strict=True)
    members = [sorted(zip(m.tolist(), a.tolist(), strict=True)) for m, a in parts]
    return sorted(zip(state["keys"].tolist(), state["newest"].tolist(), members, strict=True))


@given(STEPS)
def test_all_that_was_told_since_a_turn_began_is_the_state(steps):
    entities, told, hours = SharedEntities(HOUR), [], 0
    for step in [*steps, "tell"]:
        if step == "sweep":
            entities.sweep(hours * HOUR, 1000)
        elif step == "tell":
            told += entities.changes().values()
        else:
            keys, members, ahead = (np.array(column) for column in zip(*step, strict=True))
            hours += int(ahead.max())
            entities.process(keys.astype(np.uint64), members.astype(np.uint64), np.full(len(step), hours * HOUR))
    ends = [place for place, changes in enumerate(told) if changes["complete"][0]]
    for begin in {0, *(ends[-2:-1] and [ends[-2] + 1])}:
        again = SharedEntities(HOUR)
        for changes in told[begin:]:
            again.apply(changes)
        assert known(again) == known(entities)
