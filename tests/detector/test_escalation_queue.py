"""Escalated messages come back with their vectors, within the budget, and nobody waits for them."""

import threading
import time

import numpy as np
import pytest

from detector.escalation_queue import EscalationQueue
from features.text.column import TextColumn
from models.encoder import StaticEncoder


class Counting:
    """The shipped encoder, which counts its texts and can be held up."""

    def __init__(self):
        self._encoder, self.texts, self.may_go = StaticEncoder.load(), [], threading.Event()
        self.model_id, self.dimensions = self._encoder.model_id, self._encoder.dimensions
        self.may_go.set()

    def encode(self, folded):
        self.texts += folded.strings()
        self.may_go.wait()
        return self._encoder.encode(folded)


@pytest.fixture
def encoder():
    return Counting()


@pytest.fixture
def start(encoder):
    queues = []

    def start(**options):
        queues.append(EscalationQueue(encoder, **{"budget_per_second": 100, **options}))
        return queues[-1]

    yield start
    encoder.may_go.set()
    for queue in queues:
        queue.close()


def offer(queue, *messages, now=0.0):
    ids, leaders, texts = zip(*messages, strict=True)
    queue.offer(ids, np.array(leaders, np.uint64), TextColumn.of(list(texts)), now)


def taken(queue, count):
    """Take until so many are there."""
    found = {}
    for _ in range(2_000):
        ready = queue.take()
        found |= dict(zip(ready.event_ids, ready.vectors, strict=True))
        if len(found) >= count:
            return found
        time.sleep(0.005)
    pytest.fail(f"expected {count} vectors within ten seconds, got {len(found)}")


def test_each_event_gets_the_vector_of_its_text(start, encoder):
    queue = start()
    offer(queue, ("e1", 7, "write me on telegram"), ("e2", 0, "see you at the station"), ("e3", 0, ""))
    found = taken(queue, 3)
    expected = encoder.encode(TextColumn.of(["write me on telegram", "see you at the station", ""]))
    assert [found[name].tolist() for name in ("e1", "e2", "e3")] == expected.tolist()
    assert queue.take().event_ids == ()


def test_near_duplicates_are_encoded_once_before_and_after_it_is_done(start, encoder):
    encoder.may_go.clear()
    queue = start()
    offer(queue, ("e1", 7, "first"), ("e2", 7, "second"))
    encoder.may_go.set()
    taken(queue, 2)
    offer(queue, ("e3", 7, "third"))
    assert queue.take().event_ids == ("e3",)
    assert encoder.texts == ["first"]


def test_the_budget_is_kept_and_fills_again(start):
    queue = start(budget_per_second=2)
    offer(queue, *((f"e{i}", 0, f"text {i}") for i in range(10)))
    assert set(taken(queue, 4)) == {"e0", "e1", "e2", "e3"}
    assert queue.passed_over == 6
    offer(queue, ("f0", 0, "later"), ("f1", 0, "later still"), now=0.5)
    assert set(taken(queue, 1)) == {"f0"}
    offer(queue, *((f"g{i}", 0, "much later") for i in range(9)), now=1e6)
    assert len(taken(queue, 4)) == 4
    assert queue.passed_over == 6 + 1 + 5


def test_offering_and_taking_never_wait_for_the_encoder(start, encoder):
    encoder.may_go.clear()
    queue = start(budget_per_second=1_000, queued_max=3)
    offer(queue, ("e0", 0, "held up"))
    while not encoder.texts:
        time.sleep(0.001)
    offer(queue, *((f"f{i}", 0, f"text {i}") for i in range(5)))
    assert queue.take().event_ids == ()
    assert queue.passed_over == 2
    encoder.may_go.set()
    assert set(taken(queue, 4)) == {"e0", "f0", "f1", "f2"}


def test_of_the_vectors_kept_the_one_idle_longest_goes(start, encoder):
    queue = start(cached_max=2)
    for leader in (1, 2, 1, 3, 1, 2):
        offer(queue, (f"e{leader}", leader, f"text {leader}"))
        taken(queue, 1)
    assert encoder.texts == ["text 1", "text 2", "text 3", "text 2"]


def test_an_encoder_that_fails_is_heard_of(start, encoder):
    encoder.encode = lambda _: 1 / 0
    queue = start()
    offer(queue, ("e1", 0, "text"))
    with pytest.raises(ZeroDivisionError):
        taken(queue, 1)


def test_a_budget_of_nothing_is_refused(encoder):
    with pytest.raises(ValueError, match="expected a positive number of messages a second to escalate, got 0"):
        EscalationQueue(encoder, 0)
