"""What accounts may share: the entities that events carry, by one key for each kind and value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from detector.contract.events import TYPE_CODES
from detector.contract.jit import inlined, kernel
from features.fields import Fields
from features.hashing import SCRATCH_MARGIN, bytes_at, hash_bytes, is_valid, keys, strings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from features.columns import EventColumns

    _Keys = NDArray[np.uint64]

SHAPE_BYTES_MIN: Final = 16
"""Texts with a shorter shape are stock phrases; that many write one is no campaign."""

_NONE: Final = np.uint64(0)


@dataclass(frozen=True, slots=True)
class Sharings:
    """Which entities events carry, arrays of shape (k,): kind after kind, in each the rows rising."""

    row: NDArray[np.int64]
    """Row of the event."""
    kind: NDArray[np.uint8]
    """Place in `KINDS`."""
    key: NDArray[np.uint64]
    """Hash of kind and value."""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.row)


def sharings(events: pl.DataFrame, columns: EventColumns, kinds: frozenset[str] | None = None) -> Sharings:
    """List the entities of some kinds (None: of all) that the events of a batch carry."""
    known = columns.fields or Fields(events)
    held = [
        (place, values)
        for place, kind in enumerate(KINDS)
        if (kinds is None or kind in kinds) and (values := _VALUES[kind](known)) is not None
    ]
    most = len(held) * len(events)
    found, used = Sharings(np.empty(most, np.int64), np.empty(most, np.uint8), np.empty(most, np.uint64)), 0
    for place, values in held:
        used = _append(values, place, _salts()[place], found.row, found.kind, found.key, used)
    return Sharings(found.row[:used], found.kind[:used], found.key[:used])


def _as_it_is(field: str) -> Callable[[Fields], _Keys | None]:
    return lambda known: None if known.column(field) is None else known.keys(field)


def _contacts(known: Fields) -> _Keys | None:
    fields = ("text", "links", "bio", "name")
    return None if all(known.column(field) is None for field in fields) else known.contacts


def _hosts(known: Fields) -> _Keys | None:
    nothing = known.column("text") is None and known.column("links") is None
    return None if nothing else known.hosts


def _shapes(known: Fields) -> _Keys | None:
    if known.column("text") is None:
        return None
    return np.where(known.shape_bytes >= SHAPE_BYTES_MIN, known.shapes, _NONE)


def _at_signup(known: Fields, values: _Keys) -> _Keys:
    return np.where(known.types == TYPE_CODES["signup"], values, _NONE)


def _signup_blocks(known: Fields) -> _Keys | None:
    return None if known.column("ip") is None else _at_signup(known, known.ip_blocks)


def _signup_emails(known: Fields) -> _Keys | None:
    column = known.column("email_domain")
    if column is None:
        return None
    strings, found = strings_of(column), np.zeros(len(known), np.uint64)
    _write_trimmed(*strings, np.empty(len(strings.data) + SCRATCH_MARGIN, np.uint8), found)
    return _at_signup(known, found)


_VALUES: Final[dict[str, Callable[[Fields], _Keys | None]]] = {
    "device": _as_it_is("device_id"),
    "ip": _as_it_is("ip"),
    "ip_block": lambda known: None if known.column("ip") is None else known.ip_blocks,
    "photo": _as_it_is("photo_hash"),
    "contact": _contacts,
    "domain": _hosts,
    "text": _shapes,
    "signup_block": _signup_blocks,
    "signup_email": _signup_emails,
}
KINDS: Final = tuple(_VALUES)
"""Kinds of entities. The position of a kind is its code in feature state: append, never reorder."""


@lru_cache
def _salts() -> _Keys:
    """Give each kind a number that keeps its keys apart from the others'."""
    return keys(pl.Series(KINDS))


@kernel
def _append(
    values: _Keys,
    kind: int,
    salt: np.uint64,
    rows: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    out: _Keys,
    used: int,
) -> int:
    for row in range(values.shape[0]):
        if values[row] != 0:
            rows[used], kinds[used], out[used] = row, kind, values[row] ^ salt
            used += 1
    return used


@inlined
def _is_sign(byte: np.uint8) -> bool:
    lowered = byte | 32
    return bool(byte < 128 and not (97 <= lowered <= 122 or 48 <= byte <= 57))


@kernel
def _trimmed_key(text: NDArray[np.uint8], start: int, end: int, scratch: NDArray[np.uint8]) -> np.uint64:
    """Hash a stretch in lower case, without ASCII signs at its ends."""
    while start < end and _is_sign(text[start]):
        start += 1
    while start < end and _is_sign(text[end - 1]):
        end -= 1
    for at in range(start, end):
        byte = text[at]
        scratch[at - start] = byte | 32 if 65 <= byte <= 90 else byte
    return hash_bytes(scratch, 0, end - start) if end > start else np.uint64(0)


@kernel
def _write_trimmed(
    views: NDArray[np.uint8],
    data: NDArray[np.uint8],
    valid: NDArray[np.uint8],
    first: int,
    scratch: NDArray[np.uint8],
    out: NDArray[np.uint64],
) -> None:
    for row in range(out.shape[0]):
        if is_valid(valid, first + row):
            text, start, end = bytes_at(views, data, first + row)
            out[row] = _trimmed_key(text, start, end, scratch)
