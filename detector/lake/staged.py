"""Staged epochs: rows on their way, of all tables in one file, for at the end of an epoch the stream waits for it.

A file begins with the length of a list (8 bytes, little endian) and the list itself, JSON: of each *chunk* its table,
rows, days (UTC) and bytes. Behind it lie the chunks, each an Arrow IPC stream.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

import msgspec
import polars as pl

from detector.contract.durable import write_whole
from detector.lake.tables import days_of, packed

SUFFIX: Final = ".staged"
_LENGTH: Final = struct.Struct("<Q")


class Held(msgspec.Struct, frozen=True, array_like=True):
    """What a chunk is."""

    table: str
    rows: int
    days: frozenset[str]
    size: int
    """In bytes."""


class Chunk(msgspec.Struct, frozen=True):
    """Some rows of a table, ready to be written."""

    held: Held
    content: bytes


def chunk_of(table: str, rows: pl.DataFrame) -> Chunk:
    """Make a chunk of rows that have their table's columns."""
    kept = io.BytesIO()
    packed(table, rows).write_ipc_stream(kept)  # a fifth of the time of a file, which polars plans as a query
    content = kept.getvalue()
    return Chunk(Held(table, rows.height, days_of(table, rows), len(content)), content)


def write_epoch(path: Path, chunks: Sequence[Chunk]) -> None:
    """Write an epoch's file, whole or not at all, in a folder that exists."""
    listed = msgspec.json.encode([chunk.held for chunk in chunks])

    def write(out: IO[bytes]) -> None:
        out.writelines((_LENGTH.pack(len(listed)), listed, *(chunk.content for chunk in chunks)))

    write_whole(path, path.parent, write)


def held_in(path: Path) -> list[Held]:
    """List the chunks of an epoch's file."""
    with path.open("rb") as file:
        return _list(file)


def read_epoch(path: Path, table: str | None = None) -> Iterator[tuple[str, pl.DataFrame]]:
    """Read the chunks of an epoch's file, those of one table or all; without the columns that had no value."""
    with path.open("rb") as file:
        for held in _list(file):
            if table in (None, held.table):
                yield held.table, pl.read_ipc_stream(file.read(held.size))
            else:
                file.seek(held.size, os.SEEK_CUR)


def _list(file: IO[bytes]) -> list[Held]:
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    return msgspec.json.decode(file.read(length), type=list[Held])
