"""Event files: JSON lines, plain or compressed, and Parquet, read as a stream of decoded chunks.

Every line is one event or one dead letter, so they add up to the lines of the file: a blank line in the
middle is a dead letter; the newline that ends the last line begins no new one. ``rows`` and ``row`` count
from 0 at the file's first line. Of a line over the size limit only the limit and one byte more are kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from detector.contract.decode import Decoded, DecodeLimits, decode
from detector.contract.errors import UsageError
from detector.contract.inputs import Input, open_input
from detector.contract.times import parse_rfc3339
from detector.parquet import read_parquet
from detector.settings import Settings

Progress = Callable[[int, int | None], None]
"""Called after each chunk with the bytes read so far and the file's size, None for a pipe."""

_BLOCK_BYTES: Final = 1 << 20
_CHUNK_BYTES_MAX: Final = 32 << 20  # a chunk of long lines is cut here, so that memory stays bounded


def limits_from(settings: Settings) -> DecodeLimits:
    """Take the decoder's limits from the settings."""
    ts_min_ms = parse_rfc3339(settings.event_time_min)
    if ts_min_ms is None:
        msg = f"event_time_min: expected RFC 3339 such as 2000-01-01T00:00:00Z, got {settings.event_time_min!r}"
        raise UsageError(msg)
    return DecodeLimits(settings.event_bytes_max, ts_min_ms, round(settings.event_future_seconds_max * 1000))


def read_events(
    source: Path | str,
    limits: DecodeLimits,
    now_ms: int,
    chunk: int = 10_000,
    progress: Progress | None = None,
) -> Iterator[Decoded]:
    """Read a file of events, or standard input for ``-``, in chunks of at most ``chunk`` lines."""
    with open_input(source) as opened:
        if opened.form == "parquet":
            for decoded, bytes_read in read_parquet(source, limits, now_ms, chunk):
                yield decoded
                if progress is not None:
                    progress(bytes_read, opened.size)
            return
        lines = _Lines(opened, limits.event_bytes_max + 1)
        first_row = 0
        for values in lines.chunks(chunk):
            yield lines.restore_lengths(decode(values, limits, now_ms), first_row)
            first_row += len(values)
            if progress is not None:
                progress(opened.bytes_read, opened.size)


class _Lines:
    """Lines of an input, each cut at ``kept_max`` bytes, with the true lengths of those that were cut."""

    def __init__(self, opened: Input, kept_max: int) -> None:
        self._opened = opened
        self._kept_max = kept_max
        self._lengths: dict[int, int] = {}
        self._count = 0

    def chunks(self, chunk: int) -> Iterator[list[bytes]]:
        """Give lists of at most ``chunk`` lines, fewer where they are long."""
        held: list[bytes] = []
        held_bytes = 0
        for lines in self._blocks():
            held += lines
            held_bytes += sum(map(len, lines))
            while len(held) >= chunk or held_bytes >= _CHUNK_BYTES_MAX:
                yield held[:chunk]
                held_bytes -= sum(map(len, held[:chunk]))
                del held[:chunk]
        if held:
            yield held

    def restore_lengths(self, decoded: Decoded, first_row: int) -> Decoded:
        """Count rows from the file's start, and say how long a line was before it was cut."""
        dead = []
        for letter in decoded.dead:
            row = first_row + letter.row
            length = self._lengths.pop(row, None)
            expected, _, _ = letter.detail.partition(", got")
            detail = letter.detail if length is None else f"{expected}, got {length}"
            dead.append(dataclasses.replace(letter, row=row, detail=detail))
        return Decoded(decoded.events, decoded.rows + first_row, tuple(dead))

    def _blocks(self) -> Iterator[list[bytes]]:
        begun, length = b"", 0
        while block := self._opened.read(_BLOCK_BYTES):
            first, *rest = block.split(b"\n")
            begun, length = begun + first[: self._kept_max - len(begun)], length + len(first)
            if rest:
                lines = [self._line(begun, length)]
                lines += [self._line(line, len(line)) for line in rest[:-1]]
                begun, length = rest[-1][: self._kept_max], len(rest[-1])
                yield lines
        if length:
            yield [self._line(begun, length)]

    def _line(self, begun: bytes, length: int) -> bytes:
        self._count += 1
        if length <= self._kept_max:
            return begun
        self._lengths[self._count - 1] = length
        return begun[: self._kept_max]
