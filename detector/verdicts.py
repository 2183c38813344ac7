"""Verdicts in force, as a state keeps them: where each account stands, and the names of those that are flagged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from detector.policy import grow, new_standings
from features.slots import SlotTable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from detector.policy import Standings

Flagged = dict[int, tuple[str, float]]
"""By slot: account_id and score, while a verdict is in force."""


def extract(standings: Standings, flagged: Flagged, slots: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Copy what is known of the accounts in k slots into arrays that never change; `put` takes them in."""
    copied = {name: array[slots] for name, array in standings._asdict().items()}
    named = [(place, *flagged[int(slots[place])]) for place in np.flatnonzero(copied["verdict"]).tolist()]
    return {**copied, "flagged": np.frombuffer(msgspec.msgpack.encode(named), np.uint8)}


def put(standings: Standings, flagged: Flagged, slots: NDArray[np.int64], state: dict[str, NDArray[Any]]) -> None:
    """Take in what `extract` gave, for the slots these accounts have here."""
    for name, array in standings._asdict().items():
        array[slots] = state[name]
    for slot in flagged.keys() & set(slots.tolist()):
        del flagged[slot]
    for place, account_id, score in named(state):
        flagged[int(slots[place])] = (account_id, score)


def merged(told: Iterable[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Make one state of all that was told, by any catalogue: ``keys``, and what `extract` gives of them."""
    table, standings, flagged = SlotTable(), new_standings(0), Flagged()
    for state in told:
        table.remove(table.find_or_add(state["removed"]))
        slots = table.find_or_add(state["keys"])
        standings = grow(standings, table.top)
        put(standings, flagged, slots, state)
    held = table.slots()
    return {"keys": table.keys_of(held), **extract(standings, flagged, held)}


def named(state: dict[str, NDArray[Any]]) -> list[tuple[int, str, float]]:
    """List the flagged accounts of a state: place among its accounts, account_id and score."""
    return msgspec.msgpack.decode(state["flagged"].tobytes(), type=list[tuple[int, str, float]])
