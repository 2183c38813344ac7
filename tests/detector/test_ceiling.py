"""A state holds no more than it may, and what goes is idle for longer than what stays."""

import random

import numpy as np
import pytest

from detector.ceiling import Ceiling


class Held:
    """A state whose sweep goes around as that of accounts does: times of last use by slot."""

    def __init__(self) -> None:
        self.latest: dict[int, int] = {}
        self.free: list[int] = []
        self.top = self.hand = 0
        self.pinned: set[int] = set()

    def __len__(self) -> int:
        return len(self.latest)

    def add(self, at_ms: int) -> None:
        slot = self.free.pop() if self.free else self.top
        self.top = max(self.top, slot + 1)
        self.latest[slot] = at_ms

    def sweep(self, before_ms: int, steps: int) -> None:
        for _ in range(min(steps, self.top)):
            if self.hand not in self.pinned and self.latest.get(self.hand, before_ms) < before_ms:
                del self.latest[self.hand]
                self.free.append(self.hand)
            self.hand = (self.hand + 1) % self.top


def test_no_more_are_held_than_may_be_whatever_comes():
    held, ceiling, rng = Held(), Ceiling(1000, 90 * 86_400_000), random.Random(3)
    for now in range(0, 200_000_000, 1_000_000):
        for _ in range(rng.randrange(300)):
            held.add(now + rng.randrange(-500_000, 86_400_000))
        if ceiling.exceeded(held):
            ceiling.keep(held, now, held.sweep)
        assert len(held) <= 1000
    assert ceiling.forgotten > 10_000


def test_who_stays_was_used_later_than_who_goes_to_a_factor_of_four():
    held, ceiling, now = Held(), Ceiling(10_000, 90 * 86_400_000), 10**12
    for idle in np.random.default_rng(1).permutation(np.arange(1, 20_001)).tolist():
        held.add(now - idle * 1000)
    assert ceiling.exceeded(held)
    ceiling.keep(held, now, held.sweep)
    longest = max(now - at for at in held.latest.values()) / 1000
    assert len(held) <= 10_000
    assert sum(at >= now - 4_000_000 for at in held.latest.values()) >= 3999  # not one of the busiest fifth is gone
    assert longest <= 20_000


def test_what_the_sweep_may_not_forget_is_left():
    held, ceiling = Held(), Ceiling(10, 1000)
    for at in range(30):
        held.add(at)
    held.pinned = set(range(20))
    assert ceiling.exceeded(held)
    ceiling.keep(held, 100, held.sweep)
    assert set(held.latest) == held.pinned


@pytest.mark.parametrize("count", [0, 10])
def test_with_room_nothing_goes(count: int):
    held, ceiling = Held(), Ceiling(10, 1000)
    for at in range(count):
        held.add(at)
    assert not ceiling.exceeded(held)
