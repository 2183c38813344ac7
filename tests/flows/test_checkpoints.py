"""Checkpoints: what a state told, on disk and back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.touched import Touched
from flows.blocks import BlockError, encode, read_blocks
from flows.checkpoints import NOWHERE, CheckpointError, Checkpoints


class Numbers:
    """A state of numbers by name that tells what changed; every third time it tells all."""

    def __init__(self) -> None:
        self.known: dict[int, int] = {}
        self.changed: set[int] = set()
        self.times = 0

    def put(self, name: int, value: int) -> None:
        self.known[name] = value
        self.changed.add(name)

    def changes(self) -> dict[int, dict[str, np.ndarray]]:
        if not self.changed:
            return {}
        self.times += 1
        complete = self.times % 3 == 0
        names = sorted(self.known if complete else self.changed)
        self.changed = set()
        values = [self.known[name] for name in names]
        return {0: {"names": np.array(names), "values": np.array(values), "complete": np.array([complete])}}

    def apply(self, changes: dict[str, Any]) -> None:
        self.known |= dict(zip(changes["names"].tolist(), changes["values"].tolist(), strict=True))


def read_all(checkpoints: Checkpoints, place: Any) -> dict[int, int]:
    numbers = Numbers()
    for changes in checkpoints.read(0, place):
        numbers.apply(changes)
    return numbers.known


def run(
    folder: Path, epochs: int, place: Any = NOWHERE, numbers: Numbers | None = None
) -> tuple[list[Any], list[dict]]:
    """Write some epochs; the place and the state after each."""
    checkpoints, numbers = Checkpoints(folder, "accounts"), numbers or Numbers()
    segments = checkpoints.begin(0, place)
    places, states = [], []
    for epoch in range(epochs):
        numbers.put(epoch % 7, epoch)
        checkpoints.write(numbers.changes())
        places.append(segments.ended())
        states.append(dict(numbers.known))
    return places, states


def test_a_state_is_read_back_from_any_of_the_last_two_places(tmp_path: Path):
    for epochs in range(2, 15):
        folder = tmp_path / str(epochs)
        places, states = run(folder, epochs)
        for place, state in zip(places[-2:], states[-2:], strict=True):
            assert read_all(Checkpoints(folder, "accounts"), place) == state


class Slots:
    """A state of numbers by slot that tells what changed, and some of the others in turn."""

    def __init__(self, size: int) -> None:
        self.values = np.zeros(size, np.int64)
        self.top, self.touched = 0, Touched()

    def grow(self, count: int, value: int) -> None:
        slots = np.arange(self.top, min(self.top + count, len(self.values)))
        self.top += len(slots)
        self.values[slots] = value
        self.touched.mark(slots, len(self.values))

    def changes(self) -> dict[int, dict[str, np.ndarray]]:
        if not self.touched:
            return {}
        turn = self.touched.take(np.arange(self.top))
        return {0: {"slots": turn.slots, "values": self.values[turn.slots], "complete": np.array([turn.complete])}}


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(300, 3000))
def test_a_state_that_grows_is_read_back_after_every_epoch(tmp_path_factory, growth, segment_bytes):
    slots, places = Slots(3000), []
    folder = tmp_path_factory.mktemp("growing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.checkpoints.SEGMENT_BYTES", segment_bytes)
        checkpoints = Checkpoints(folder, "accounts")
        segments = checkpoints.begin(0, NOWHERE)
        for epoch, count in enumerate(growth):
            slots.grow(count, epoch)
            checkpoints.write(slots.changes())
            places.append(segments.ended())
            again = np.full(len(slots.values), -1)
            for changes in checkpoints.read(0, places[-1]):
                again[changes["slots"]] = changes["values"]
            assert np.array_equal(again[: slots.top], slots.values[: slots.top])


def test_disk_space_is_bounded(tmp_path: Path):
    run(tmp_path, 200)
    assert len(list(tmp_path.iterdir())) <= 3


def test_what_never_became_durable_is_cut_off(tmp_path: Path):
    places, states = run(tmp_path, 11)
    numbers = Numbers()
    numbers.known = dict(states[-2])
    more, after = run(tmp_path, 5, places[-2], numbers)
    assert read_all(Checkpoints(tmp_path, "accounts"), more[-1]) == after[-1]


def test_an_epoch_without_change_writes_nothing(tmp_path: Path):
    checkpoints, numbers = Checkpoints(tmp_path, "accounts"), Numbers()
    segments = checkpoints.begin(0, NOWHERE)
    numbers.put(1, 1)
    checkpoints.write(numbers.changes())
    before = segments.ended()
    checkpoints.write(numbers.changes())
    assert segments.ended() == before


@given(st.data())
def test_any_damage_is_found(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    places, _ = run(folder, 2)
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="replay the events topic"):
        read_all(Checkpoints(folder, "accounts"), places[-1])


def test_a_torn_or_missing_file_is_said(tmp_path: Path):
    places, _ = run(tmp_path, 2)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match=r"expected|damaged"):
        read_all(Checkpoints(tmp_path, "accounts"), places[-1])
    path.unlink()
    with pytest.raises(CheckpointError, match="No such file"):
        read_all(Checkpoints(tmp_path, "accounts"), places[-1])


@given(st.lists(st.tuples(st.sampled_from(["<u8", "<i4", "<f8", "|b1", "|u1"]), st.integers(0, 5)), max_size=4))
def test_a_block_gives_back_what_it_was_given(columns):
    arrays = {f"a{i}": np.arange(n * 2).reshape(n, 2).astype(kind) for i, (kind, n) in enumerate(columns)}
    (found,) = read_blocks(encode(arrays), len(encode(arrays)))
    assert found.keys() == arrays.keys()
    assert all(
        np.array_equal(found[name], array) and found[name].dtype == array.dtype for name, array in arrays.items()
    )
    assert all(array.flags.writeable for array in found.values())


def test_blocks_end_where_they_should():
    block = encode({"a": np.arange(3)})
    with pytest.raises(BlockError):
        list(read_blocks(block + block, len(block) + 5))
