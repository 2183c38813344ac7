"""Rows of the lake's table ``dead_letters``; light, for the launcher writes some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

DEAD_ROWS: Final = {
    "cause": pl.String, "detail": pl.String, "topic": pl.String, "partition": pl.Int32, "offset": pl.Int64,
    "seen_at": pl.Int64, "value": pl.Binary,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeadRow:
    """One dead letter, in the order of the lake's columns."""

    cause: str
    detail: str
    topic: str
    partition: int
    offset: int
    seen_at: int
    value: bytes
