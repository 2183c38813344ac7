"""One value at a time: the decoder's reference, and the way of every value the fast path leaves aside.

What it says is what the contract means; the fast path in ``decode`` may only be quicker.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
import polars as pl

from detector.contract.dead_letters import Cause, DeadLetter, DecodeLimits
from detector.contract.events import EVENT_TYPES, FIELDS
from detector.contract.times import YEAR_0000_MS, YEAR_9999_END_MS, parse_rfc3339, rfc3339

NEST_LEVELS_MAX: Final = 64
"""How deep an unknown field may nest: a fixed number, so that the stack in use never decides."""

TIME_EXPECTED: Final = "RFC 3339 with an offset, or integer epoch milliseconds"

MALFORMED: Final = "expected JSON in UTF-8, got something malformed or cut short"

Row = tuple[Any, ...]
"""One event's values in the order of ``EVENT_SCHEMA``."""

_decode_any: Final = msgspec.json.Decoder().decode
_encode_any: Final = msgspec.json.Encoder().encode
_REQUIRED: Final = ("event_id", "type", "account_id", "ts")
_KNOWN: Final = frozenset((*_REQUIRED, *FIELDS))
_KINDS: Final[dict[type, str]] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a fraction",
    list: "an array",
    dict: "an object",
}
_probe: Final = msgspec.json.Decoder(msgspec.defstruct("Probe", [(n, Any, None) for n in ("ts", *FIELDS)])).decode
_PLACE: Final = re.compile(r"`\$\.(\w+)")
_WORD: Final = re.compile(r"[a-z_]{1,32}")
_INT64: Final = 2**63


class _RefusedError(Exception):
    def __init__(self, cause: Cause, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


def decode_line(value: bytes, row: int, limits: DecodeLimits, now_ms: int) -> Row | DeadLetter:
    """Decode one value: the event's row, or the dead letter it is."""
    if len(value) > limits.event_bytes_max:
        detail = f"expected at most {limits.event_bytes_max} bytes, got {len(value)}"
        return DeadLetter(row, Cause.TOO_LARGE, detail, value)
    try:
        return _row(_object(value), limits, now_ms)
    except _RefusedError as refused:
        return DeadLetter(row, refused.cause, refused.detail, value)


def extra_of(fields: dict[str, Any]) -> str | None:
    """Write the fields that the contract does not name as one JSON object; None when there are none."""
    extra = {name: held for name, held in fields.items() if name not in _KNOWN}
    if not extra:
        return None
    try:
        return _encode_any(extra).decode()
    except OverflowError:  # an integer beyond 64 bits, which msgspec reads but does not write
        return json.dumps(extra, ensure_ascii=False, separators=(",", ":"))


def decode_object(value: bytes) -> dict[str, Any] | None:
    """Decode a value that is a JSON object; None when it is anything else."""
    try:
        return _object(value)
    except _RefusedError:
        return None


def _object(value: bytes) -> dict[str, Any]:
    try:
        fields = _decode_any(value)
    except RecursionError:
        raise _too_deep() from None
    except msgspec.ValidationError:  # untyped decoding validates nothing but the size of numbers
        raise _RefusedError(Cause.WRONG_TYPE, _huge_number(value)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _RefusedError(Cause.NOT_JSON, _why_not_json(value, error)) from None
    if not isinstance(fields, dict):
        raise _RefusedError(Cause.NOT_AN_OBJECT, f"expected a JSON object, got {_kind(fields)}")
    if value.count(b"[") + value.count(b"{") > NEST_LEVELS_MAX and _deeper_than(fields, NEST_LEVELS_MAX):
        raise _too_deep()
    return fields


def _too_deep() -> _RefusedError:
    return _RefusedError(Cause.NOT_JSON, f"expected at most {NEST_LEVELS_MAX} levels of nesting, got more")


def _deeper_than(held: dict[str, Any], levels: int) -> bool:
    layer: list[Any] = [held]
    for _ in range(levels):
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not layer:
            return False
    return True


def _huge_number(value: bytes) -> str:
    try:
        _probe(value)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        if place is not None:
            return f"{place[1]}: expected a number of 64 bits, got a larger one"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return "expected numbers of 64 bits, got a larger one"


def _why_not_json(value: bytes, error: Exception) -> str:
    if not value.strip():
        return "expected a JSON object, got nothing" if not value else "expected a JSON object, got blanks"
    if value.startswith(b"\xef\xbb\xbf"):
        return "expected JSON, got a byte order mark before it"
    if isinstance(error, UnicodeDecodeError):
        return "expected UTF-8, got other bytes"
    return MALFORMED


def _row(fields: dict[str, Any], limits: DecodeLimits, now_ms: int) -> Row:
    event_id = _identifier(fields, "event_id")
    kind = _identifier(fields, "type")
    account_id = _identifier(fields, "account_id")
    if fields.get("ts") is None:
        raise _RefusedError(Cause.MISSING_FIELD, f"ts: expected {TIME_EXPECTED}, got none")
    if kind not in EVENT_TYPES:
        named = repr(kind) if _WORD.fullmatch(kind) else "another word"
        raise _RefusedError(Cause.UNKNOWN_TYPE, f"type: expected one of {len(EVENT_TYPES)} known, got {named}")
    ts = _time(fields["ts"], limits, now_ms)
    known = [None if (held := fields.get(name)) is None else _READERS[name](name, held) for name in FIELDS]
    return (event_id, kind, account_id, ts, *known, extra_of(fields))


def _identifier(fields: dict[str, Any], name: str) -> str:
    held = fields.get(name)
    if held is None:
        raise _RefusedError(Cause.MISSING_FIELD, f"{name}: expected a string, got none")
    if held == "":
        raise _RefusedError(Cause.MISSING_FIELD, f"{name}: expected a string that is not empty, got an empty one")
    return _text(name, held)


def _time(held: object, limits: DecodeLimits, now_ms: int) -> int:
    if type(held) is int:
        ts: int | None = held
    elif isinstance(held, str):
        ts = parse_rfc3339(held)
    else:
        raise _wrong("ts", TIME_EXPECTED, held)
    if ts is None:
        raise _RefusedError(Cause.BAD_TIME, f"ts: expected {TIME_EXPECTED}, got a string of another form")
    if ts < limits.ts_min_ms:
        raise _RefusedError(Cause.BAD_TIME, f"ts: expected {_moment(limits.ts_min_ms)} or later, got {_moment(ts)}")
    if ts > (latest := limits.ts_max_ms(now_ms)):
        raise _RefusedError(Cause.BAD_TIME, f"ts: expected {_moment(latest)} or earlier, got {_moment(ts)}")
    return ts


def _moment(ms: int) -> str:
    if YEAR_0000_MS <= ms <= YEAR_9999_END_MS:
        return rfc3339(ms)
    return f"{ms} ms" if abs(ms) < 10**20 else "a number of more than 20 digits"


def _text(name: str, held: object) -> str:
    if not isinstance(held, str):
        raise _wrong(name, "a string", held)
    return held


def _integer(name: str, held: object) -> int:
    if type(held) is not int:
        raise _wrong(name, "an integer", held)
    if not -_INT64 <= held < _INT64:
        raise _RefusedError(Cause.WRONG_TYPE, f"{name}: expected an integer of 64 bits, got a larger one")
    return held


def _number(name: str, held: object) -> float:
    if isinstance(held, bool) or not isinstance(held, int | float):
        raise _wrong(name, "a number", held)
    return float(held)


def _texts(name: str, held: object) -> list[str]:
    if not isinstance(held, list):
        raise _wrong(name, "an array of strings", held)
    for inner in held:
        if not isinstance(inner, str):
            raise _RefusedError(Cause.WRONG_TYPE, f"{name}: expected an array of strings, got {_kind(inner)} in it")
    return held


def _wrong(name: str, expected: str, held: object) -> _RefusedError:
    return _RefusedError(Cause.WRONG_TYPE, f"{name}: expected {expected}, got {_kind(held)}")


def _kind(held: object) -> str:
    return "null" if held is None else _KINDS[type(held)]


_READER_BY_TYPE: Final[dict[pl.DataType, Callable[[str, Any], Any]]] = {
    pl.String(): _text,
    pl.Int64(): _integer,
    pl.Float64(): _number,
    pl.List(pl.String()): _texts,
}
_READERS: Final = {name: _READER_BY_TYPE[column] for name, column in FIELDS.items()}
