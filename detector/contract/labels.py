"""Labels: ground truth about accounts, as values on a topic and as files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from detector.contract.errors import UsageError
from detector.contract.inputs import Input, open_input
from detector.contract.times import YEAR_0000_MS, YEAR_9999_END_MS, parse_rfc3339, rfc3339

SCHEMA: Final = "gillnet.label/1"

LABELS_SCHEMA: Final = pl.Schema(
    {
        "account_id": pl.String(),
        "label": pl.Int8(),
        "labelled_at": pl.Int64(),
        "source": pl.String(),
        "family": pl.String(),
        "note": pl.String(),
        "campaign": pl.String(),
    }
)
"""Columns of a label file once read: ``label`` is 1 for a bot and 0 for a human, ``labelled_at`` epoch ms,
``campaign`` what accounts known to act together share."""

_BOT: Final[dict[object, bool]] = {"bot": True, "human": False, "1": True, "0": False, 1: True, 0: False}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS: Final = re.compile(r"-?[0-9]{1,18}")
_EXPECTED_LABEL: Final = "bot, human, 1 or 0"


class LabelError(ValueError):
    """A value is not a label; its text says what was expected and what came."""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What is known to be true of an account. ``labelled_at`` is RFC 3339."""

    schema: str = SCHEMA
    account_id: str
    label: str
    labelled_at: str | None = None
    source: str | None = None
    family: str | None = None
    note: str | None = None

    @property
    def is_bot(self) -> bool:
        """Whether the account is a bot."""
        return self.label == "bot"


encode_label: Final = msgspec.json.Encoder().encode
"""Encode a label as compact JSON bytes."""


def decode_label(value: bytes) -> Label:
    """Decode one label from a topic; raises LabelError."""
    account_id, bot, at_ms, source, family, note, _ = _label(_fields(value))
    return Label(
        account_id=account_id,
        label="bot" if bot else "human",
        labelled_at=None if at_ms is None else rfc3339(at_ms),
        source=source,
        family=family,
        note=note,
    )


def read_labels(path: Path | str) -> pl.DataFrame:
    """Read labels from CSV, JSON lines or Parquet, one row per account.

    Of several rows for an account the one labelled latest counts, else the last; no time is oldest.
    """
    latest: dict[str, _Row] = {}
    with open_input(path) as opened:
        for row, fields in _rows(opened, Path(path)):
            try:
                label = _label(fields)
            except LabelError as error:
                raise UsageError(f"{opened.name}: row {row}: {error}") from None
            held = latest.get(label[0])
            if held is None or _age(label) >= _age(held):
                latest[label[0]] = label
    return pl.DataFrame(list(latest.values()), schema=LABELS_SCHEMA, orient="row")


_Row = tuple[str, int, int | None, str | None, str | None, str | None, str | None]


def _age(label: _Row) -> float:
    return float("-inf") if label[2] is None else label[2]


def _rows(opened: Input, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Give each row with its number, counted from 1 as editors do (a CSV file's heading is row 1)."""
    if opened.form == "parquet":
        return enumerate(_parquet_rows(path, opened.name), start=1)
    text = _text(opened)
    if text.lstrip()[:1] in {"{", ""}:
        lines = enumerate(text.split("\n"), start=1)
        return ((row, _json_row(line, row, opened.name)) for row, line in lines if line.strip())
    return _csv_rows(text, opened.name)


def _text(opened: Input) -> str:
    blocks = []
    while block := opened.read(1 << 20):
        blocks.append(block)
    try:
        return b"".join(blocks).decode()
    except UnicodeDecodeError:
        msg = f"{opened.name}: expected UTF-8 text or Parquet, got other bytes; save it as UTF-8"
        raise UsageError(msg) from None


def _json_row(line: str, row: int, name: str) -> Mapping[str, Any]:
    try:
        return _fields(line)
    except LabelError as error:
        raise UsageError(f"{name}: row {row}: {error}") from None


def _csv_rows(text: str, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    heading: list[str] | None = None
    try:
        for cells in reader:
            if heading is None:
                heading = _heading([cell.strip() for cell in cells], name)
            elif cells:
                yield (
                    reader.line_num,
                    {key: cell.strip() for key, cell in zip(heading, cells, strict=False) if cell},
                )
    except csv.Error as error:
        raise UsageError(f"{name}: row {reader.line_num}: expected CSV, got {error}") from None


def _heading(columns: list[str], name: str) -> list[str]:
    missing = [column for column in ("account_id", "label") if column not in columns]
    if missing:
        known = ", ".join(columns[:20])[:200]
        raise UsageError(f"{name}: expected at least the columns account_id, label, got {known or 'none'}")
    return columns


def _parquet_rows(path: Path, name: str) -> Iterator[Mapping[str, Any]]:
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(f"{name}: expected a whole Parquet file, got {error}; write it again") from error
    _heading(frame.columns, name)
    return frame.select(column for column in frame.columns if column in LABELS_SCHEMA).iter_rows(named=True)


def _fields(value: bytes | str) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise LabelError("expected a label as a JSON object, got no JSON") from None
    if not isinstance(fields, dict):
        raise LabelError("expected a label as a JSON object, got another value")
    return fields


def _label(fields: Mapping[str, Any]) -> _Row:
    account_id = fields.get("account_id")
    if isinstance(account_id, int) and not isinstance(account_id, bool):
        account_id = str(account_id)  # a Parquet column of numbers
    if not isinstance(account_id, str) or not account_id:
        raise LabelError(f"account_id: expected a string that is not empty, got {_got(account_id)}")
    source, family, note, campaign = (_optional(fields, name) for name in ("source", "family", "note", "campaign"))
    return (
        account_id,
        _bot(fields.get("label")),
        _labelled_at(fields.get("labelled_at")),
        source,
        family,
        note,
        campaign,
    )


def _bot(held: object) -> int:
    word = held.strip().lower() if isinstance(held, str) else held
    if not isinstance(word, str | int | float) or word not in _BOT:
        raise LabelError(f"label: expected {_EXPECTED_LABEL}, got {_got(held)}")
    return int(_BOT[word])


def _labelled_at(held: object) -> int | None:
    if held is None:
        return None
    if isinstance(held, datetime):
        aware = held if held.tzinfo else held.replace(tzinfo=UTC)  # as for events: no zone counts as UTC
        return (aware - _EPOCH) // timedelta(milliseconds=1)
    at_ms = held
    if isinstance(held, str):
        at_ms = int(held) if _DIGITS.fullmatch(held) else parse_rfc3339(held)
    if isinstance(at_ms, bool) or not isinstance(at_ms, int) or not YEAR_0000_MS <= at_ms <= YEAR_9999_END_MS:
        raise LabelError(f"labelled_at: expected RFC 3339 with an offset or integer milliseconds, got {_got(held)}")
    return at_ms


def _optional(fields: Mapping[str, Any], name: str) -> str | None:
    held = fields.get(name)
    if held is not None and not isinstance(held, str):
        raise LabelError(f"{name}: expected a string, got {_got(held)}")
    return held


def _got(held: object) -> str:
    if held is None:
        return "none"
    if isinstance(held, str):
        return repr(held[:32]) if held.isascii() else "other text"
    return f"{held!r}"[:32] if isinstance(held, bool | int | float) else f"a {type(held).__name__}"
