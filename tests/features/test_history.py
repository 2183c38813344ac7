"""The history of texts against plain Python, and what it must not depend on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import columns as c
from features import messages as m
from features.columns import HALVES, EventColumns
from features.state import both_roles
from features.text.history import OWN, TextHistory

DAY = 86_400_000
VECTORS = np.random.default_rng(3).normal(size=(12, 256)).astype(np.float32)
PACKED = m.pack(VECTORS)
PEOPLE = 5
texts = st.tuples(
    st.integers(0, PEOPLE - 1),  # who writes
    st.integers(0, PEOPLE - 1),  # to whom; to oneself is to nobody
    st.integers(0, len(VECTORS) - 1),  # what
    st.integers(0, 40),  # when, in minutes
)


def columns_of(rows):
    columns = EventColumns(
        np.zeros((len(rows), 6), np.int64), np.full((len(rows), HALVES), -1, np.int32), np.zeros((len(rows), 64), "u1")
    )
    for i, (number, (sender, target, what, minute)) in enumerate(rows):
        columns.words[i, :4] = minute * 60_000, account(sender), number + 1, account(target) if target != sender else 0
        columns.words[i, c.RECEIVED] = int(target != sender)
        columns.halves[i, c.SHAPE] = what + 1
        columns.measures[i, m.LANGUAGE] = 0
        columns.vectors[i] = PACKED[what]
    return columns


def account(number):
    return (number + 1) << 40


def process(history, rows, ttl_ms=DAY):
    columns = columns_of(rows)
    roles = both_roles(columns)
    slots = np.where(roles & 1, columns.words[roles >> 1, c.TARGET], columns.words[roles >> 1, c.ACCOUNT]) // account(0)
    history.process(columns, roles, slots, ttl_ms)
    return columns.measures[:, m.OWN_MAX :].tolist()


def unpacked(what):
    steps = np.stack([PACKED[what] & 15, PACKED[what] >> 4], axis=1).reshape(-1).astype(float) - 8
    return steps / np.linalg.norm(steps)


def likeness(a, b):
    return max(float(unpacked(a) @ unpacked(b)), 0.0) * 1000


def last_of(sent, sender):
    """Give the texts a sender's record holds: the latest by time and number."""
    own = sorted((minute, number, target, what) for number, (s, target, what, minute) in sent if s == sender)
    return own[-OWN:]


def reference(rows):
    """Say of each text how it compares, in plain Python."""
    sent, found = [], []
    for number, (sender, target, what, minute) in rows:
        own = last_of(sent, sender)
        alike = [likeness(what, other) for *_, other in own]
        spread = (
            1 - np.linalg.norm(sum(unpacked(other) for *_, other in own) + unpacked(what)) ** 2 / (len(own) + 1) ** 2
        )
        heard = {}
        for other, (s, t, w, at) in sent:
            if t == sender and s != sender:
                heard[s] = max(heard.get(s, (-1, 0, 0)), (at, other, w)) if s in heard else (at, other, w)
        answer = likeness(what, heard[target][2]) if target in heard and target != sender else -1
        found.append((max(alike, default=-1), np.mean(alike) if alike else -1, spread * 1000 if own else -1, answer))
        sent.append((number, (sender, target, what, minute)))
    return found


@settings(max_examples=200)
@given(st.lists(texts, max_size=30))
def test_measures_are_those_of_plain_python(rows):
    rows = [(i, (a, b, what, i)) for i, (a, b, what, _) in enumerate(rows)]
    found = [measures[:4] for measures in process(TextHistory(), rows)]
    expected = reference(rows)
    for got, wanted in zip(found, expected, strict=True):
        if wanted[3] >= 0 and got[3] < 0:  # only the three who wrote last are remembered
            got, wanted = got[:3], wanted[:3]
        assert got == pytest.approx(wanted, abs=1.6)


@given(st.lists(texts, max_size=30), st.integers(0, 30))
def test_where_a_batch_is_cut_changes_nothing(rows, cut):
    rows = list(enumerate(rows))
    whole, parts = TextHistory(), TextHistory()
    expected = process(whole, rows)
    assert process(parts, rows[:cut]) + process(parts, rows[cut:]) == expected


@given(st.lists(texts, max_size=20), st.randoms())
def test_the_own_texts_held_do_not_depend_on_the_order_they_came_in(rows, random):
    rows = list(enumerate(rows))
    shuffled = random.sample(rows, len(rows))
    probe = [(999, (sender, sender, 0, 50)) for sender in range(PEOPLE)]
    one, other = TextHistory(), TextHistory()
    process(one, rows)
    process(other, shuffled)
    assert [x[:3] for x in process(one, probe)] == [x[:3] for x in process(other, probe)]


@given(st.lists(texts, min_size=1, max_size=20))
def test_a_text_that_comes_twice_is_held_once(rows):
    rows = list(enumerate(rows))
    once, twice = TextHistory(), TextHistory()
    process(once, rows)
    process(twice, rows + rows)
    probe = [(999, (sender, sender, 0, 50)) for sender in range(PEOPLE)]
    assert [x[:3] for x in process(once, probe)] == [x[:3] for x in process(twice, probe)]


@given(st.lists(texts, max_size=20), st.lists(texts, max_size=10))
def test_a_copy_goes_on_as_the_original(rows, more):
    rows, more = list(enumerate(rows)), [(100 + i, row) for i, row in enumerate(more)]
    original, copy = TextHistory(), TextHistory()
    process(original, rows)
    slots = np.arange(PEOPLE) + 1
    moved = slots[::-1].copy()
    copy.put(slots, original.extract(slots))
    assert process(original, more) == process(copy, more)
    elsewhere = TextHistory()
    elsewhere.put(moved, original.extract(slots))
    again = elsewhere.extract(moved)
    assert np.array_equal(again["text_records"], original.extract(slots)["text_records"])


def test_old_texts_are_compared_with_no_more():
    history = TextHistory()
    process(history, [(0, (0, 0, 1, 0))])
    assert process(history, [(1, (0, 0, 1, 61))], ttl_ms=3_600_000)[0][0] == -1
    assert process(history, [(2, (0, 0, 1, 62))], ttl_ms=3_600_000)[0][0] == 1000


def test_who_was_forgotten_begins_anew():
    history = TextHistory()
    process(history, [(0, (0, 1, 1, 0)), (1, (1, 0, 2, 1))])
    history.forget(np.array([1]))
    assert process(history, [(2, (0, 1, 1, 2))])[0][0] == -1
    assert process(history, [(3, (1, 1, 2, 3))])[0][0] == 1000


def test_the_same_steps_in_another_conversation_are_a_script():
    history = TextHistory()
    rows = [(0, 1, 4, 0), (0, 1, 5, 1), (0, 2, 4, 2), (0, 2, 5, 3), (0, 1, 6, 4), (0, 2, 7, 5)]
    found = process(history, list(enumerate(rows)))
    assert [measures[m.SCRIPT - m.OWN_MAX] for measures in found] == [0, 0, 0, 1, 0, 0]


def test_packing_keeps_the_direction():
    kept = VECTORS[:, : m.VECTOR_DIMENSIONS]
    exact = kept / np.linalg.norm(kept, axis=1, keepdims=True)
    for i in range(len(VECTORS)):
        assert unpacked(i) @ exact[i] > 0.985


def test_a_text_without_known_words_is_like_none():
    assert m.pack(np.zeros((1, 256), np.float32)).tolist() == [[0x88] * m.VECTOR_BYTES]
