from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.slots import SlotTable

UNSPREAD = pow(0x9E3779B97F4A7C15, -1, 1 << 64)
COLLIDING = [(0xABCD << 48 | i) * UNSPREAD % (1 << 64) for i in range(6)]
"""Keys whose hashes have one upper half: all want one place, and only the keys themselves tell them apart."""

AT_THE_END = [((1 << 64) - 1 - i) * UNSPREAD % (1 << 64) for i in range(4)]
"""Keys that want the table's last place, so that they run on at its beginning."""

keys = st.sampled_from([*COLLIDING, *AT_THE_END]) | st.integers(0, 40) | st.integers(0, (1 << 64) - 1)


def arrays(values):
    return np.array(values, np.uint64)


@given(st.lists(keys), st.lists(st.integers(0, 99), max_size=3))
def test_slots_count_up_in_the_order_keys_are_first_seen(stream, cuts):
    table, order = SlotTable(), {key: i for i, key in enumerate(dict.fromkeys(stream))}
    for part in np.split(arrays(stream), sorted(cuts)):
        assert table.find_or_add(part).tolist() == [order[int(key)] for key in part]
    assert table.keys_of(table.slots()).tolist() == list(order)
    assert len(table) == table.top == len(order)
    assert table.slots().tolist() == list(range(len(order)))


@given(st.lists(st.tuples(st.lists(keys, max_size=12), st.lists(st.integers(0, 99), max_size=8)), max_size=12))
@settings(max_examples=200)
def test_a_slot_is_one_keys_until_it_is_removed_and_then_the_next_new_keys(steps):
    table, held, most = SlotTable(), {}, 0
    for added, removed in steps:
        for key, slot in zip(added, table.find_or_add(arrays(added)).tolist(), strict=True):
            assert held.setdefault(slot, key) == key
        most = max(most, len(held))
        gone = sorted({sorted(held)[i % len(held)] for i in removed}) if held else []
        table.remove(np.array(gone, np.int64))
        for slot in gone:
            del held[slot]
        assert len(set(held.values())) == len(held) == len(table)
        assert table.top == most
        assert table.slots().tolist() == sorted(held)
        assert table.keys_of(table.slots()).tolist() == [held[slot] for slot in sorted(held)]


def test_many_keys_come_and_go():
    table, rng = SlotTable(), np.random.default_rng(0)
    stream = rng.integers(0, 1 << 64, 50_000, np.uint64)
    slots = table.find_or_add(stream)
    assert slots.tolist() == list(range(50_000))
    gone = rng.permutation(50_000)[:30_000]
    table.remove(gone)
    kept = np.setdiff1d(slots, gone)
    assert (table.find_or_add(stream[kept]) == kept).all()
    again = table.find_or_add(stream[gone])
    assert sorted(again.tolist()) == sorted(gone.tolist())
    assert table.top == 50_000


def test_the_table_takes_a_quarter_more_at_a_time_not_twice():
    table, rng = SlotTable(), np.random.default_rng(0)
    for _ in range(40):
        table.find_or_add(rng.integers(0, 1 << 64, 2_500, np.uint64))
        assert len(table) < 10_000 or table.nbytes / len(table) <= 36
