"""What near duplicates tell of themselves, so that a restart has them as they were: what changed, and the rest in turn.

It costs what changed, not what there is. For every two bytes that changed one of the others is told, array by array
from its beginning to its end. Once the ends are reached, what was told before that turn began is needed no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from features.text import near_places as places
from features.text.near_arrivals import BANDS_OF_SHORT
from features.text.signatures import BIT_WORDS
from features.touched import OTHERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from features.text.near_places import Leaders

STATE_VERSION: Final = 3
OTHERS_BYTES_MIN: Final = 1 << 16
_ENTRIES_PER_NOTED: Final = 2
"""If more than one entry in so many may have changed, the whole state is told."""
_END: Final = 1 << 20
"""How far a turn can come: it counts in such parts of each array."""


def changes(state: Leaders, begin: int, others_bytes_min: int) -> tuple[dict[str, NDArray[Any]], int]:
    """Tell what changed since the last time and, from ``begin`` on, some of the rest; return it and how far it came.

    That is 0 where a turn is complete, and the next begins. Nothing is told if nothing changed.
    """
    changed = _changed(state)
    rows = _rows(state)
    told_bytes = sum(len(of) * (rows[name][:1].nbytes + of.itemsize) for name, of in changed.items())
    if not told_bytes:
        return {}, begin
    others = max(OTHERS * told_bytes, others_bytes_min) / sum(array.nbytes for array in rows.values())
    end = min(_END, begin + 1 + int(others * _END))
    if state.untold.passed_over[0]:
        begin, end = 0, _END
    told = {
        "version": np.array([STATE_VERSION]),
        "capacity": np.array([len(rows["records"])]),
        "counters": state.counters.copy(),
        "turn": np.array([begin, end]),
    }
    for name, array in rows.items():
        told[f"{name}_places"] = changed[name]
        told[name] = array[changed[name]]
        told[f"{name}_others"] = array[_part(array, begin, end)].copy()
    _forget(state)
    return told, end % _END


def with_room(state: Leaders, rows: int) -> Leaders:
    """Have room to note all entries that so many rows can change; if that is much, tell all there is instead."""
    untold, coming = state.untold, rows * BANDS_OF_SHORT
    most = max(coming, len(state.bands) // _ENTRIES_PER_NOTED)
    if untold.counted[0] + coming > most:
        untold.passed_over[0], untold.counted[0] = True, 0
    needed = int(untold.counted[0]) + coming
    if needed <= len(untold.entries):
        return state
    more = np.zeros(max(needed, min(2 * needed, most)), np.uint32)
    more[: untold.counted[0]] = untold.entries[: untold.counted[0]]
    return state._replace(untold=untold._replace(entries=more))


def is_complete(told: Mapping[str, NDArray[Any]]) -> bool:
    """Tell whether a turn ended with what was told."""
    return bool(told["turn"][1] == _END)


def apply(state: Leaders, told: Mapping[str, NDArray[Any]]) -> None:
    """Take in what `changes` told. ValueError if another version or one of another capacity wrote it."""
    rows = _rows(state)
    written, expected = (int(told["version"][0]), int(told["capacity"][0])), (STATE_VERSION, len(rows["records"]))
    if written != expected:
        msg = (
            f"the state of near duplicates has version and capacity {written}, expected {expected}: set the capacity "
            "back, or start with an empty state folder and fill it by replaying the events topic"
        )
        raise ValueError(msg)
    begin, end = told["turn"].tolist()
    state.counters[:] = told["counters"]
    for name, array in rows.items():
        array[_part(array, begin, end)] = told[f"{name}_others"]
        array[told[f"{name}_places"]] = told[name]


def _rows(state: Leaders) -> dict[str, NDArray[Any]]:
    """Name the arrays, by what is told of them at once."""
    return {
        "records": state.words.reshape(-1, places.RECORD),
        "signatures": state.signatures.reshape(-1, places.SIGNATURE),
        "bits": state.bits.reshape(-1, BIT_WORDS),
        "bands": state.bands,
        "pairs": state.pairs.reshape(-1, places.LINE),
        "examples": state.examples.reshape(-1, places.EXAMPLE_BYTES),
        "example_of": state.example_of.reshape(-1, 2),
    }


def _changed(state: Leaders) -> dict[str, NDArray[np.uint32]]:
    untold = state.untold
    leaders = np.flatnonzero(untold.leaders).astype(np.uint32)
    signed = leaders[untold.leaders[leaders] & places.LEADER_CHANGED != 0]
    examples = np.flatnonzero(untold.examples).astype(np.uint32)
    return {
        "records": leaders,
        "signatures": signed,
        "bits": signed,
        "bands": untold.entries[: untold.counted[0]].copy(),
        "pairs": np.flatnonzero(untold.lines).astype(np.uint32),
        "examples": examples,
        "example_of": examples,
    }


def _forget(state: Leaders) -> None:
    untold = state.untold
    untold.leaders[:] = 0
    untold.lines[:] = untold.examples[:] = untold.passed_over[:] = False
    untold.counted[0] = 0


def _part(array: NDArray[Any], begin: int, end: int) -> slice:
    return slice(len(array) * begin // _END, len(array) * end // _END)
