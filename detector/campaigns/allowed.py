"""Texts that many people send and that are no campaign: learned from traffic, and edited by people in a file.

Each line of the file is an object: ``{"text": "how do i reset my password"}`` allows a text and its near duplicates,
with ``"allowed": false`` it is a campaign if it looks like one, whatever was learned.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from detector.contract.durable import write_file
from detector.contract.errors import UsageError
from features.text.column import TextColumn
from features.text.fold import normalise
from features.text.signatures import COMPONENTS, Signatures, sign

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SIMILARITY_MIN: Final = 0.6
"""What copies of one text have at least; see `features.text.near_duplicates.Matches.closeness`."""


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the file."""

    text: str
    """As sent, or in normal form."""
    allowed: bool = True
    source: str = "analyst"
    """``analyst``, or ``learned`` from traffic."""
    campaign_id: str | None = None
    note: str | None = None

    def forbidden(self) -> Allowed:
        """Return an entry that says the opposite."""
        return msgspec.structs.replace(self, allowed=False, source="analyst")


class AllowList:
    """Says of signed texts whether they are allowed; of two entries alike the one that forbids counts."""

    def __init__(self, entries: Iterable[Allowed] = ()) -> None:
        self.entries = tuple(entries)
        self._values = sign(normalise(TextColumn.of([entry.text for entry in self.entries])).full).values
        self._forbids = np.array([not entry.allowed for entry in self.entries], np.bool_)

    def allows(self, signature: NDArray[np.uint32]) -> bool:
        """Tell whether a text with this signature, shape (COMPONENTS,), is allowed."""
        alike = np.count_nonzero(self._values == signature, axis=1) >= SIMILARITY_MIN * COMPONENTS
        return bool(alike.any() and not self._forbids[alike].any())


def signed(normal: Iterable[str]) -> Signatures:
    """Sign texts in normal form."""
    return sign(TextColumn.of(list(normal)))


def read_allowed(path: Path) -> tuple[Allowed, ...]:
    """Read the file, empty if there is none; UsageError names the line that is no entry."""
    entries, decode = [], msgspec.json.Decoder(Allowed, strict=True).decode
    lines = path.read_bytes().splitlines() if path.exists() else []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entries.append(decode(line))
        except msgspec.MsgspecError as error:
            msg = f'{path}, line {number}: expected an object such as {{"text": "…"}}; {error}'
            raise UsageError(msg) from error
    return tuple(entries)


def add_allowed(path: Path, entries: Iterable[Allowed]) -> None:
    """Add entries at the end of the file, in front of which everything stays as people wrote it."""
    before = path.read_bytes() if path.exists() else b""
    if before and not before.endswith(b"\n"):
        before += b"\n"
    write_file(path, before + _lines(entries))


def write_allowed(path: Path, entries: Iterable[Allowed]) -> None:
    """Write the file anew."""
    write_file(path, _lines(entries))


def _lines(entries: Iterable[Allowed]) -> bytes:
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
