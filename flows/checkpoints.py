"""Checkpoints: what changed in a worker's shards since the last one, written together and durable before they count.

Each shard has files of its own, so that any worker can go on with it: *segments*, to which blocks are appended. A new
segment begins where a turn of telling every slot does (`features.touched`), so a state is always in two of them. The
recovery store holds only where a state ends: what lies behind it was never durable, and is cut off.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypedDict

import numpy as np
from numpy.typing import NDArray

from detector.contract.durable import make_folder, remove, sync_folder, write_whole
from detector.contract.errors import GillnetError
from flows.blocks import BlockError, encode, read_blocks

SEGMENT_BYTES: Final = 1 << 20
"""A segment is at least so long: to begin and delete files takes longer than to read some more of them at a restart."""
_WRITERS_MAX: Final = 32


class CheckpointError(GillnetError):
    """A checkpoint cannot be read."""


class Place(TypedDict):
    """Where a shard's state is: its first segment, the last, and where in that it ends."""

    first: int
    last: int
    end: int


NOWHERE: Final = Place(first=0, last=0, end=0)


class Checkpoints:
    """Those of a worker's shards of one kind."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder, self._kind = folder, kind
        self._segments: dict[int, Segments] = {}
        self._pool = ThreadPoolExecutor(_WRITERS_MAX, thread_name_prefix="checkpoint")

    def begin(self, number: int, place: Place) -> Segments:
        """Go on with a shard's files from a place; what was written behind it goes."""
        make_folder(self._folder)
        segments = self._segments[number] = Segments(self._stem(number), place)
        return segments

    def read(self, number: int, place: Place) -> Iterator[dict[str, NDArray[Any]]]:
        """Give all that a shard told up to a place, in order; CheckpointError if it is damaged or not there."""
        return read(self._stem(number), place)

    def begin_anew(self, number: int, whole: Mapping[str, NDArray[Any]], before: Place | None) -> Place:
        """Write a whole state into a segment of its own, behind those of the state it will replace."""
        make_folder(self._folder)
        segment = before["last"] + 1 if before else 0
        everything = {**whole, "removed": np.zeros(0, np.uint64), "complete": np.array([True])}
        block = encode(everything)
        write_whole(_path(self._stem(number), segment), self._folder, lambda out: out.write(block))
        return Place(first=segment, last=segment, end=len(block))

    def _stem(self, number: int) -> Path:
        return self._folder / f"{self._kind}-{number:04d}"

    def write(self, told: Mapping[int, Mapping[str, NDArray[Any]]]) -> None:
        """Write what was told of these shards, and wait until it is durable."""
        changed = [self._segments[number] for number in told]
        list(self._pool.map(Segments.write, changed, told.values()))
        if any(segments.is_new for segments in changed):
            sync_folder(self._folder)

    def write_beside(self, told: Mapping[int, Mapping[str, NDArray[Any]]]) -> Future[None]:
        """Begin to write; nothing else may be asked of these shards until that is done."""
        return self._pool.submit(self.write, told)


class Segments:
    """One shard's files."""

    def __init__(self, stem: Path, place: Place) -> None:
        self._stem, self._place = stem, place
        self._told_place, self._kept = place, place["first"]
        self._turned = False
        self.is_new = False
        for path in stem.parent.glob(f"{stem.name}.*"):
            if not place["first"] <= int(path.suffix[1:]) <= place["last"]:
                remove(path)
        self._file = os.open(_path(stem, place["last"]), os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(self._file, place["end"])
        os.lseek(self._file, 0, os.SEEK_END)

    def ended(self) -> Place:
        """Say where the state ends, for the recovery store; what was said last is durable there by now."""
        for segment in range(self._kept, self._told_place["first"]):
            remove(_path(self._stem, segment))
        self._kept, self._told_place = self._told_place["first"], self._place
        return self._place

    def write(self, changes: Mapping[str, NDArray[Any]]) -> None:
        """Append what changed, and wait until it is on disk."""
        if self._turned and self._place["end"] >= SEGMENT_BYTES:
            self._next()
        self.is_new = self._place["end"] == 0
        block = encode(changes)
        _write_all(self._file, block)
        os.fdatasync(self._file)
        self._place = Place(first=self._place["first"], last=self._place["last"], end=self._place["end"] + len(block))
        self._turned = bool(changes["complete"][0])

    def _next(self) -> None:
        """Begin a segment. The one that just ended holds whole turns, so those before it are needed no more."""
        os.close(self._file)
        last = self._place["last"]
        self._file = os.open(_path(self._stem, last + 1), os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        self._place = Place(first=last, last=last + 1, end=0)


def read(stem: Path, place: Place) -> Iterator[dict[str, NDArray[Any]]]:
    """Give a shard's blocks in order."""
    for segment in range(place["first"], place["last"] + 1):
        path = _path(stem, segment)
        try:
            content = path.read_bytes()
            yield from read_blocks(content, place["end"] if segment == place["last"] else len(content))
        except (BlockError, FileNotFoundError) as error:
            raise CheckpointError(
                f"the checkpoint {path} cannot be read ({error}): bring the whole state folder back from a copy, or "
                "move it away and replay the events topic"
            ) from error


def _path(stem: Path, segment: int) -> Path:
    return stem.with_name(f"{stem.name}.{segment:06d}")


def _write_all(file: int, block: bytes) -> None:
    left = memoryview(block)
    while left:
        left = left[os.write(file, left) :]
