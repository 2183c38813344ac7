"""The writer: an epoch's rows are staged with it, and become Parquet files once the epoch is durable.

A writer owns one *lane*: the part of the stream one state follows, in order. The rows of a table in a staged epoch
are a *part*. Published files are named ``LANE-FIRST-LAST.parquet`` after the epochs they hold, and a
lane publishes in the order of its epochs; so the highest LAST in a day's folder says which parts of that day
are published, and a crash between any two steps is mended by looking.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from detector.contract.durable import make_folder, remove, write_whole
from detector.lake.staged import SUFFIX, Chunk, Held, chunk_of, held_in, read_epoch, write_epoch
from detector.lake.tables import TABLES, LakeError, as_stored, days

STAGING: Final = "_staging"
FILE_ROWS_MAX: Final = 1_000_000
"""Rows after which a publication starts another file, to bound memory."""

_LANE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, order=True)
class _Part:
    """One table's rows of one epoch, on disk."""

    seq: int
    table: str
    rows: int
    days: frozenset[str]


class LakeWriter:
    """Writes one lane's rows into the lake: add, stage with the epoch, publish when durable, forget."""

    def __init__(self, lake_dir: Path, lane: str) -> None:
        if not _LANE.fullmatch(lane):
            msg = f"expected a lane name of letters, digits, '.', '_' and '-', got {lane!r}"
            raise LakeError(msg)
        self._lake_dir = lake_dir
        self._staging = lake_dir / STAGING / lane
        self._lane = lane
        self._published_name = re.compile(rf"{re.escape(lane)}-\d{{12}}-(?P<last>\d{{12}})\.parquet")
        self._buffer: list[Chunk] = []
        self._published: dict[tuple[str, str], int] = {}
        self._parts = sorted(self._staged_parts())

    @property
    def last_seq(self) -> int:
        """The highest epoch this lane ever staged or published here, 0 for none.

        A lane that starts without its old state numbers its epochs from here on.
        """
        return max([self._last_published(), *(part.seq for part in self._parts)])

    @property
    def rows_buffered(self) -> int:
        """Rows added and not yet staged."""
        return sum(chunk.held.rows for chunk in self._buffer)

    def add(self, table: str, frame: pl.DataFrame) -> None:
        """Keep rows for the epoch under way."""
        stored = as_stored(table, frame)
        if stored.height:
            self._buffer.append(chunk_of(table, stored))

    def stage(self, seq: int) -> None:
        """Write the epoch's rows beside the lake's tables, where no reader looks, and empty the buffer."""
        if self._parts and seq <= self._parts[-1].seq:
            last = self._parts[-1].seq
            msg = f"expected an epoch after {last} of lane {self._lane!r}, got {seq}: recover first"
            raise LakeError(msg)
        if not self._buffer:
            return
        make_folder(self._staging)
        write_epoch(self._epoch_path(seq), self._buffer)
        self._parts.extend(_parts(seq, (chunk.held for chunk in self._buffer)))
        self._buffer = []

    def publish(self, durable_seq: int) -> tuple[Path, ...]:
        """Make files of every staged epoch up to ``durable_seq``, and name them; staged parts stay.

        Doing it again, also after a crash halfway, publishes what is missing and nothing twice.
        """
        files: list[Path] = []
        for table in TABLES:
            due = [part for part in self._parts if part.table == table and part.seq <= durable_seq]
            for run in _runs(due):
                files.extend(self._publish_run(table, run))
        return tuple(files)

    def forget(self, published_seq: int) -> None:
        """Delete the staged parts up to ``published_seq``; parts not published yet are kept."""
        gone = [part for part in self._parts if part.seq <= published_seq and self._is_published(part)]
        self._drop(gone)

    def recover(self, durable_seq: int) -> None:
        """Tidy up after a stop: what never became durable goes, and what is published is staged no more."""
        published = self._last_published()
        if published > durable_seq:
            msg = (
                f"lane {self._lane!r} of the lake {self._lake_dir} has published epoch {published}, but the "
                f"state ends at {durable_seq}: restore the state that belongs to this lake or start another"
            )
            raise LakeError(msg)
        self._buffer = []
        for draft in self._staging.glob("*.tmp"):
            remove(draft)
        self._drop([part for part in self._parts if part.seq > durable_seq or self._is_published(part)])

    def _publish_run(self, table: str, run: list[_Part]) -> Iterator[Path]:
        # Once for all days: a replay of history has thousands of them.
        rows_of = {part: days(table, self._read(part)) for part in run}
        for day in sorted(frozenset[str]().union(*(part.days for part in run))):
            due = [part for part in run if day in part.days and part.seq > self._published_to(table, day)]
            if due:
                yield self._publish_day(table, day, due, [rows_of[part][day] for part in due])

    def _publish_day(self, table: str, day: str, parts: list[_Part], frames: list[pl.DataFrame]) -> Path:
        rows = as_stored(table, pl.concat(frames, how="diagonal"))
        folder = self._day_folder(table, day)
        make_folder(folder)
        path = folder / f"{self._lane}-{parts[0].seq:012d}-{parts[-1].seq:012d}.parquet"
        write_whole(path, self._staging, lambda out: rows.write_parquet(out, compression="zstd"))
        self._published[table, day] = parts[-1].seq
        return path

    def _is_published(self, part: _Part) -> bool:
        return all(part.seq <= self._published_to(part.table, day) for day in part.days)

    def _published_to(self, table: str, day: str) -> int:
        if (table, day) not in self._published:
            self._published[table, day] = self._last_in(self._day_folder(table, day))
        return self._published[table, day]

    def _last_published(self) -> int:
        folders = (folder for table in TABLES for folder in (self._lake_dir / table).glob("date=*"))
        return max(map(self._last_in, folders), default=0)

    def _last_in(self, folder: Path) -> int:
        names = (self._published_name.fullmatch(path.name) for path in folder.glob("*.parquet"))
        return max((int(name["last"]) for name in names if name), default=0)

    def _staged_parts(self) -> Iterator[_Part]:
        for path in self._staging.glob(f"*{SUFFIX}"):
            yield from _parts(int(path.stem), held_in(path))

    def _read(self, part: _Part) -> pl.DataFrame:
        chunks = [rows for _, rows in read_epoch(self._epoch_path(part.seq), part.table)]
        return pl.concat(chunks, how="diagonal")

    def _drop(self, parts: list[_Part]) -> None:
        gone = frozenset(parts)
        self._parts = [part for part in self._parts if part not in gone]
        needed = {part.seq for part in self._parts}
        for seq in sorted({part.seq for part in gone} - needed):
            remove(self._epoch_path(seq))

    def _epoch_path(self, seq: int) -> Path:
        return self._staging / f"{seq:012d}{SUFFIX}"

    def _day_folder(self, table: str, day: str) -> Path:
        return self._lake_dir / table / f"date={day}"


def _parts(seq: int, chunks: Iterable[Held]) -> list[_Part]:
    """Name the parts of an epoch, by table."""
    of: dict[str, list[Held]] = {}
    for held in chunks:
        of.setdefault(held.table, []).append(held)
    return [
        _Part(seq, table, sum(held.rows for held in some), frozenset().union(*(held.days for held in some)))
        for table, some in sorted(of.items())
    ]


def _runs(parts: list[_Part]) -> Iterator[list[_Part]]:
    """Cut a table's parts into runs that are one file's worth of rows each."""
    run: list[_Part] = []
    for part in parts:
        if run and sum(other.rows for other in run) + part.rows > FILE_ROWS_MAX:
            yield run
            run = []
        run.append(part)
    if run:
        yield run
