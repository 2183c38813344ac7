"""Inputs: a file or standard input as plain bytes, whatever compressed it; the content tells."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

import pyarrow as pa

from detector.contract.errors import UsageError

_MAGIC: Final = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd", "parquet": b"PAR1"}
_SUFFIXES: Final = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd", ".parquet": "parquet"}
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Input:
    """An open input: its form (plain, gzip, zstd, parquet), its size if known, the bytes read so far."""

    name: str
    form: str
    size: int | None
    bytes_read: int
    _raw: io.BufferedReader
    _stream: BinaryIO | pa.NativeFile
    _at_start: bool = True

    def read(self, size: int) -> bytes:
        """Read up to ``size`` plain bytes; none mean the end. A leading byte order mark is left out."""
        try:
            block = bytes(self._stream.read(size))
        except OSError as error:
            msg = f"{self.name}: expected whole {self.form} data, got {error}; write or fetch the file again"
            raise UsageError(msg) from error
        if self.size is not None:
            self.bytes_read = self._raw.tell()
        else:
            self.bytes_read += len(block)
        if self._at_start:
            self._at_start = False
            return block.removeprefix(_BOM) or self.read(size) if block.startswith(_BOM) else block
        return block

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._raw is not sys.stdin.buffer:
            self._raw.close()


def open_input(source: Path | str) -> Input:
    """Open a file, or standard input for ``-``, and see what form it has."""
    path = None if str(source) == "-" else Path(source)
    name = "standard input" if path is None else str(path)
    raw = _stdin() if path is None else _open(path)
    form = _form(raw, path, name)
    size = (path.stat().st_size or None) if path is not None and path.is_file() else None
    stream = pa.CompressedInputStream(pa.PythonFile(raw), form) if form in {"gzip", "zstd"} else raw
    return Input(name, form, size, 0, raw, stream)


def _stdin() -> io.BufferedReader:
    reader = sys.stdin.buffer
    return reader if isinstance(reader, io.BufferedReader) else io.BufferedReader(io.BytesIO(reader.read()))


def _open(path: Path) -> io.BufferedReader:
    if path.is_dir():
        raise UsageError(f"{path}: expected a file, got a directory; name one of the files in it")
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise UsageError(f"{path}: expected a file, got a path where nothing is; check the name") from None
    except OSError as error:
        raise UsageError(f"{path}: expected a readable file, got {error.strerror}") from error


def _form(raw: io.BufferedReader, path: Path | None, name: str) -> str:
    head = raw.peek(4)[:4]
    form = next((form for form, magic in _MAGIC.items() if head.startswith(magic)), "plain")
    promised = _SUFFIXES.get(path.suffix.lower()) if path is not None else None
    if promised is not None and promised != form:
        got = "an empty file" if not head else f"{form} data"
        raise UsageError(f"{name}: expected {promised} data as the name says, got {got}; rename it or write it again")
    return form
