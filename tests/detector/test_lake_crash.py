"""Whatever is done and wherever it stops, the lake holds the rows of durable epochs, each once."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from detector.lake import LakeWriter

DAY_MS = 86_400_000
STOPS = ("replace", "unlink", "fsync")
SOME_DAYS = st.lists(st.integers(0, 2), min_size=1, max_size=3)


class PowerCutError(Exception):
    """The machine stops here."""


@contextmanager
def power_cut(after: int, halfway: bool) -> Iterator[None]:
    """Stop at the given file operation, before it happens or just after."""
    left = [after]
    real = {name: getattr(os, name) for name in STOPS}

    def stopping(operation: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            left[0] -= 1
            if left[0] == -1 and not halfway:
                raise PowerCutError
            result = operation(*args, **kwargs)
            if left[0] == -1:
                raise PowerCutError
            return result

        return call

    for name in STOPS:
        setattr(os, name, stopping(real[name]))
    try:
        yield
    finally:
        for name in STOPS:
            setattr(os, name, real[name])


class LakeMachine(RuleBasedStateMachine):
    """A stream that ends epochs, publishes and forgets, and is cut off at any file operation."""

    @initialize()
    def start(self) -> None:
        self.lake = Path(tempfile.mkdtemp(prefix="lake-"))
        self.writer = LakeWriter(self.lake, "w0")
        self.durable = self.published = self.published_durably = self.count = 0
        self.durable_rows: Counter[int] = Counter()

    def teardown(self) -> None:
        if hasattr(self, "lake"):
            self.restart()
            self.writer.publish(self.durable)
            assert self.in_files() == self.durable_rows
            shutil.rmtree(self.lake)

    @rule(days=SOME_DAYS)
    def epoch(self, days: list[int]) -> None:
        ids = self.add(days)
        self.writer.stage(self.durable + 1)
        self.durable += 1
        self.published_durably = self.published
        self.durable_rows.update(ids)

    @rule(days=SOME_DAYS)
    def stop_before_the_epoch_is_durable(self, days: list[int]) -> None:
        self.add(days)
        self.writer.stage(self.durable + 1)
        self.restart()

    @rule()
    def publish(self) -> None:
        self.writer.publish(self.durable)
        self.published = self.durable

    @rule()
    def forget(self) -> None:
        self.writer.forget(self.published_durably)

    @rule(days=SOME_DAYS, after=st.integers(0, 12), halfway=st.booleans())
    def stop_while_staging(self, days: list[int], after: int, halfway: bool) -> None:
        self.add(days)
        self.attempt(lambda: self.writer.stage(self.durable + 1), after, halfway)

    @rule(after=st.integers(0, 24), halfway=st.booleans())
    def stop_while_publishing(self, after: int, halfway: bool) -> None:
        self.attempt(lambda: self.writer.publish(self.durable), after, halfway)

    @rule(after=st.integers(0, 4), halfway=st.booleans())
    def stop_while_forgetting(self, after: int, halfway: bool) -> None:
        self.attempt(lambda: self.writer.forget(self.published_durably), after, halfway)

    @rule(after=st.integers(0, 4), halfway=st.booleans())
    def stop_while_recovering(self, after: int, halfway: bool) -> None:
        self.attempt(lambda: LakeWriter(self.lake, "w0").recover(self.durable), after, halfway)

    @invariant()
    def files_hold_nothing_twice_and_nothing_too_early(self) -> None:
        if hasattr(self, "lake"):
            assert self.in_files() <= self.durable_rows

    def add(self, days: list[int]) -> list[int]:
        ids = list(range(self.count, self.count + len(days)))
        self.count += len(days)
        rows = {"event_id": [str(n) for n in ids], "ts": [1_767_614_400_000 + day * DAY_MS for day in days]}
        frame = pl.DataFrame(rows)
        self.writer.add("events", frame[::2])
        self.writer.add("scores", frame[1::2])
        return ids

    def attempt(self, work: Callable[[], object], after: int, halfway: bool) -> None:
        try:
            with power_cut(after, halfway):
                work()
        except PowerCutError:
            pass
        self.restart()

    def restart(self) -> None:
        self.writer = LakeWriter(self.lake, "w0")
        self.writer.recover(self.durable)
        self.published = self.published_durably

    def in_files(self) -> Counter[int]:
        files = [*self.lake.glob("events/*/*.parquet"), *self.lake.glob("scores/*/*.parquet")]
        return Counter(int(name) for file in files for name in pl.read_parquet(file)["event_id"])


LakeMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
test_rows_of_durable_epochs_are_in_the_lake_exactly_once = LakeMachine.TestCase


@pytest.mark.parametrize("halfway", [False, True])
@pytest.mark.parametrize(
    ("stop", "operations"),
    [
        (LakeMachine.stop_while_publishing, 20),
        (LakeMachine.stop_while_forgetting, 4),
        (LakeMachine.stop_while_recovering, 4),
        (lambda lake, after, halfway: lake.stop_while_staging([0, 1], after, halfway), 8),
    ],
    ids=["publish", "forget", "recover", "stage"],
)
def test_a_stop_at_any_step_neither_loses_nor_doubles(
    stop: Callable[[LakeMachine, int, bool], None], operations: int, halfway: bool
):
    for after in range(operations):
        lake = LakeMachine()
        lake.start()
        lake.epoch([0, 1])
        lake.publish()
        lake.epoch([1, 2, 0, 1])
        stop(lake, after, halfway)
        lake.epoch([2, 1])
        lake.publish()
        assert lake.in_files() == lake.durable_rows
        lake.teardown()
