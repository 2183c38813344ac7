from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.text.column import TextColumn
from features.text.contact_splits import TAIL, SplitContacts

SECOND = 1000


def said(splits: SplitContacts, *messages: tuple[int, int, str]) -> list[tuple[int, str]]:
    """Let senders say things at some second; give what goes on from earlier messages."""
    slots, seconds, texts = zip(*messages, strict=True)
    contacts = splits.find(np.array(slots), np.array(seconds) * SECOND, TextColumn.of(list(texts)))
    return list(zip(contacts.row.tolist(), contacts.values.strings(), strict=True))


def test_a_number_in_two_messages_is_found():
    assert said(SplitContacts(), (0, 0, "my number is 415"), (0, 30, "555 0123")) == [(1, "4155550123")]


def test_a_number_in_three_messages_is_found():
    assert said(SplitContacts(), (0, 0, "415"), (0, 30, "555"), (0, 60, "0123 ok?")) == [(2, "4155550123")]


def test_a_name_and_its_handle_in_two_messages_are_found():
    assert said(SplitContacts(), (0, 0, "i'm on telegram"), (0, 3, "@foo_bar")) == [(1, "telegram:foo_bar")]


def test_an_address_in_two_messages_is_found():
    assert said(SplitContacts(), (0, 0, "mail foo at gmail"), (0, 3, "dot com please")) == [(1, "foo@gmail.com")]


def test_another_senders_message_is_another_matter():
    assert said(SplitContacts(), (0, 0, "415"), (1, 1, "555 0123")) == []
    assert said(SplitContacts(), (0, 0, "415"), (1, 1, "so what"), (0, 2, "555 0123")) == [(2, "4155550123")]


def test_after_two_minutes_it_is_another_matter():
    assert said(SplitContacts(), (0, 0, "415"), (0, 121, "555 0123")) == []


def test_what_one_message_holds_alone_is_not_told_again():
    assert said(SplitContacts(), (0, 0, "415 555 0123"), (0, 1, "telegram: foo_bar"), (0, 2, "bye")) == []


def test_a_contact_begins_before_the_message_it_ends_in():
    contacts = SplitContacts().find(np.array([0, 0]), np.array([0, 5]), TextColumn.of(["call 415 555", "0123 now"]))
    assert (contacts.place.tolist(), contacts.stop.tolist()) == ([-8], [4])


def test_a_snapshot_goes_on_where_it_was_taken():
    before, after = SplitContacts(), SplitContacts()
    said(before, (3, 0, "415"))
    after.restore(before.snapshot())
    assert said(after, (3, 1, "555 0123")) == said(before, (3, 1, "555 0123")) == [(0, "4155550123")]


def test_the_forgotten_are_not_joined():
    splits = SplitContacts()
    said(splits, (0, 0, "415"))
    splits.forget(np.array([0]))
    assert said(splits, (0, 1, "555 0123")) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=80), max_size=12), st.integers(1, 12))
def test_batches_of_any_size_tell_the_same(texts, size):
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    messages = [(i % 2, i, text) for i, text in enumerate(texts)]
    whole, parts = SplitContacts(), SplitContacts()
    told = said(whole, *messages) if messages else []
    in_parts = [
        (start + row, value)
        for start in range(0, len(messages), size)
        for row, value in said(parts, *messages[start : start + size])
    ]
    assert told == in_parts
    for one, other in zip(whole.snapshot().values(), parts.snapshot().values(), strict=True):
        assert len(one) == len(other) == 0 or (one[:2] == other[:2]).all()
    for tail, held in zip(whole.snapshot()["tails"], whole.snapshot()["sizes"], strict=True):
        assert len(tail) == TAIL
        tail[:held].tobytes().decode()
