r"""Decode: a batch of JSON values to columns of events, a dead letter for each value that is not one.

A scan takes every value that is plainly an event (``scan``, ``columns``); the rest is judged one value at a time
(``lines``), which also says what an event is. Lone surrogates (``\ud800`` without its other half) are no text
that UTF-8 can hold: such a value is ``not_json``. When a key comes twice the last one counts. A known field that
is null is as if absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.contract.columns import frame_of
from detector.contract.dead_letters import Cause, DeadLetter, DecodeLimits
from detector.contract.events import EVENT_SCHEMA
from detector.contract.intrinsics import MARGIN
from detector.contract.kernels import Bytes, find_ends
from detector.contract.lines import MALFORMED, Row, decode_line, decode_object, extra_of
from detector.contract.scan import BROKEN, LOOK, REWRITE, REWRITES, Scanned, extra_text, scan

__all__ = ["Cause", "DeadLetter", "DecodeLimits", "Decoded", "decode"]

_BATCH_BYTES_MAX: Final = 1 << 30  # places in a string view have 31 bits
_PADDING: Final = bytes(MARGIN)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded batch: events in the order they came, the input row of each, and what was refused."""

    events: pl.DataFrame
    rows: NDArray[np.int64]
    dead: tuple[DeadLetter, ...]


def decode(values: Sequence[bytes], limits: DecodeLimits, now_ms: int) -> Decoded:
    """Decode a batch; every value ends as one event or one dead letter, and none spoils another."""
    buffer, ends = _joined(values, limits.event_bytes_max)
    if len(buffer) > _BATCH_BYTES_MAX and len(values) > 1:
        return _in_halves(values, limits, now_ms)
    found = scan(buffer, ends, limits.ts_min_ms, limits.ts_max_ms(now_ms))
    rewritten = _rewrite(found)
    rows = np.flatnonzero(found.status <= REWRITE)
    events = frame_of(buffer, found, rows)
    if rewritten:
        texts = pl.Series(list(rewritten.values()), dtype=pl.String)
        places = np.searchsorted(rows, np.fromiter(rewritten, np.int64, len(rewritten)))
        events.replace_column(events.width - 1, events["extra"].scatter(places, texts))
    if len(rows) == len(values):
        return Decoded(events, rows, ())
    looked, dead = _look(values, found, limits, now_ms)
    if looked:
        rows, events = _merge(rows, events, looked)
    return Decoded(events, rows, tuple(dead))


def _joined(values: Sequence[bytes], size_max: int) -> tuple[Bytes, NDArray[np.int64]]:
    """Join values, a zero after each: the bytes, and where each value ends. Those that are too long are left out."""
    joined = bytearray(b"\0").join([*values, _PADDING])
    buffer = np.frombuffer(joined, np.uint8)  # writable: strings are unescaped in place
    ends = np.empty(len(values), np.int64)
    length = find_ends(buffer, len(buffer) - len(_PADDING), ends)
    if length < 0:  # there are zeros in the values
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        np.cumsum(lengths + 1, out=ends)
        ends -= 1
        length = lengths.max()
    if length > size_max:
        return _joined([value if len(value) <= size_max else b"" for value in values], size_max)
    return buffer, ends


def _look(
    values: Sequence[bytes], found: Scanned, limits: DecodeLimits, now_ms: int
) -> tuple[dict[int, Row], list[DeadLetter]]:
    looked: dict[int, Row] = {}
    dead: list[DeadLetter] = []
    rows = np.flatnonzero(found.status >= LOOK)
    for row, status in zip(rows.tolist(), found.status[rows].tolist(), strict=True):
        if status == BROKEN:
            dead.append(DeadLetter(row, Cause.NOT_JSON, MALFORMED, values[row]))
        elif isinstance(line := decode_line(values[row], row, limits, now_ms), DeadLetter):
            dead.append(line)
        else:
            looked[row] = line
    return looked, dead


def _rewrite(found: Scanned) -> dict[int, str | None]:
    """Write anew the unknown fields that are not in their final form; rows where they are no JSON are to look at."""
    if not found.totals[REWRITES]:
        return {}
    texts: dict[int, str | None] = {}
    for row in np.flatnonzero(found.status == REWRITE).tolist():
        fields = decode_object(extra_text(found, row))
        if fields is None:
            found.status[row] = LOOK
        else:
            texts[row] = extra_of(fields)
    return texts


def _merge(
    rows: NDArray[np.int64], events: pl.DataFrame, looked: dict[int, Row]
) -> tuple[NDArray[np.int64], pl.DataFrame]:
    added = pl.DataFrame(list(looked.values()), schema=EVENT_SCHEMA, orient="row")
    all_rows = np.concatenate([rows, np.fromiter(looked, np.int64, len(looked))])
    order = np.argsort(all_rows)
    return all_rows[order], pl.concat([events, added], rechunk=True)[order]


def _in_halves(values: Sequence[bytes], limits: DecodeLimits, now_ms: int) -> Decoded:
    middle = len(values) // 2
    first, second = decode(values[:middle], limits, now_ms), decode(values[middle:], limits, now_ms)
    moved = tuple(DeadLetter(each.row + middle, each.cause, each.detail, each.value) for each in second.dead)
    rows = np.concatenate([first.rows, second.rows + middle])
    return Decoded(pl.concat([first.events, second.events]), rows, first.dead + moved)
