"""The dead letter: a value that is not an event, with the cause and the bytes as they came."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Why a value is not an event."""

    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    BAD_TIME = "bad_time"
    TOO_LARGE = "too_large"
    UNKNOWN_TYPE = "unknown_type"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A value that could not be decoded: its place in the batch, why, and its bytes untouched.

    ``detail`` names the field, what was expected and what kind of thing came; it never quotes ids or message
    text.
    """

    row: int
    cause: Cause
    detail: str
    value: bytes


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What a value may measure, and how far from now an event's time may lie."""

    event_bytes_max: int
    ts_min_ms: int
    future_ms_max: int

    def ts_max_ms(self, now_ms: int) -> int:
        """Give the latest event time that is accepted at ``now_ms``."""
        return now_ms + self.future_ms_max
