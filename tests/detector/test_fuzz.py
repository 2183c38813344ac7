"""Mutated events through decoder and engine: the small version of ``benchmarks/fuzz.py``."""

from collections.abc import Callable
from types import ModuleType

import pytest

COUNT = 20_000


@pytest.fixture(scope="module")
def fuzzer(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("fuzz")


def test_mutated_events_crash_nothing_and_all_are_accounted_for(fuzzer: ModuleType):
    counts = fuzzer.fuzz(fuzzer.source([]), COUNT, seed=3)
    assert counts["read"] == COUNT == sum(counts[name] for name in ("processed", "duplicate", "late", "dead"))
    assert min(counts[name] for name in ("processed", "dead", "duplicate")) > COUNT / 50
    causes = {name for name in counts if name.startswith("dead: ")}
    assert causes == {f"dead: {cause}" for cause in fuzzer.CAUSES}


def test_the_same_seed_makes_the_same_events(fuzzer: ModuleType):
    events = fuzzer.source([])[:100]
    one, other, another = (list(fuzzer.Mutator(events, seed).make(500)) for seed in (5, 5, 6))
    assert one == other != another
