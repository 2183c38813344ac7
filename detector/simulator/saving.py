"""Saving: lines and labels as files, compressed when the name says so."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa

from detector.contract.errors import GillnetError, UsageError
from detector.contract.labels import Label, encode_label
from detector.contract.times import rfc3339
from detector.simulator.arrivals import SimEvent
from detector.simulator.simulation import SimLabel

_COMPRESSION: Final = {".gz": "gzip", ".zst": "zstd"}
_EVENTS_FORMS: Final = (".jsonl", ".ndjson")
_LABELS_FORMS: Final = (".csv", ".jsonl", ".ndjson")
_COLUMNS: Final = ("account_id", "label", "family", "labelled_at", "source", "campaign")
_BLOCK_LINES: Final = 2_000


def check_path(path: str, forms: tuple[str, ...]) -> None:
    """Refuse a file name that does not say one of these forms, before any work is done."""
    if path == "-":
        return
    name = Path(path)
    suffix = Path(name.stem).suffix if name.suffix in _COMPRESSION else name.suffix
    if suffix not in forms:
        known = ", ".join(forms)
        raise UsageError(f"expected a file name ending in {known} (then .gz or .zst, or nothing), got {path!r}")
    if not name.parent.is_dir():
        raise UsageError(f"no folder {str(name.parent)!r} for {name.name!r}; make it first")


def check_events_path(path: str) -> None:
    """Refuse a name that is none for a file of events."""
    check_path(path, _EVENTS_FORMS)


def check_labels_path(path: str) -> None:
    """Refuse a name that is none for a file of labels."""
    check_path(path, _LABELS_FORMS)


def write_events(path: str, events: Iterable[SimEvent], progress: Callable[[int], None]) -> int:
    """Write lines to a file, or standard output for ``-``; what came before an end is complete."""
    written = 0
    with _output(path) as write:
        for block in in_blocks(events, _BLOCK_LINES):
            write(b"".join([event.value + b"\n" for event in block]))
            written += len(block)
            progress(len(block))
    return written


def write_labels(path: str, labels: Iterable[SimLabel]) -> None:
    """Write labels as CSV, or as JSON lines where the name says so."""
    plain = path.removesuffix(".gz").removesuffix(".zst")
    with _output(path) as write:
        if plain.endswith(".csv"):
            write(_as_csv(labels))
        else:
            write(b"".join([label_value(label) + b"\n" for label in labels]))


def label_value(label: SimLabel) -> bytes:
    """Write a label as the contract has it; the campaign goes into the note."""
    return encode_label(
        Label(
            account_id=label.account_id,
            label=label.label,
            labelled_at=rfc3339(label.labelled_at_ms),
            source=label.source,
            family=label.family,
            note=f"campaign {label.campaign}" if label.campaign else None,
        )
    )


def in_blocks(events: Iterable[SimEvent], size: int) -> Iterator[list[SimEvent]]:
    """Gather lines; the last block may be shorter."""
    block: list[SimEvent] = []
    for event in events:
        block.append(event)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


def _as_csv(labels: Iterable[SimLabel]) -> bytes:
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for one in labels:
        labelled_at = rfc3339(one.labelled_at_ms)
        rows.writerow((one.account_id, one.label, one.family, labelled_at, one.source, one.campaign))
    return text.getvalue().encode()


@contextmanager
def _output(path: str) -> Iterator[Callable[[bytes], object]]:
    if path == "-":
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    try:
        with Path(path).open("wb") as raw, _compressed(raw, Path(path).suffix) as write:
            yield write
    except OSError as error:
        raise GillnetError(f"could not write {path}: {error.strerror or error}") from error


@contextmanager
def _compressed(raw: BinaryIO, suffix: str) -> Iterator[Callable[[bytes], object]]:
    if suffix not in _COMPRESSION:
        yield raw.write
        return
    with pa.CompressedOutputStream(pa.PythonFile(raw, mode="w"), _COMPRESSION[suffix]) as stream:
        yield stream.write
