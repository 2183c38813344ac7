"""The feature state of a set of accounts: arrays, and the plain methods around the kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from features import columns as c
from features.arrays import CHUNK_MAX, PROCESSED, SIZE_CLASSES, Batch, Results, State
from features.slots import SlotTable
from features.specialise import specialise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.catalogue import Catalogue
    from features.columns import EventColumns

STATE_VERSION: Final = 2
TTL_MS: Final = 30 * 86_400_000
"""The default of the setting ``account_ttl_days``."""
_GROWTH: Final = 1.125
"""Arrays grow by an eighth, for what is not yet used is paid for too."""


@dataclass(frozen=True, slots=True)
class Computed:
    """What the n events that accounts sent came to."""

    slots: NDArray[np.int64]
    """(n,): a number for each account, from 0."""
    outcomes: NDArray[np.uint8]
    """(n,): `arrays.PROCESSED`, ``DUPLICATE`` or ``LATE``."""
    vectors: NDArray[np.float64]
    """(n, F): the account's features after each processed event; other rows are NaN."""


def both_roles(columns: EventColumns) -> NDArray[np.int64]:
    """List each event for the account that acts (row · 2), and after it for its target (row · 2 + 1) if it has one."""
    received = columns.words[:, c.RECEIVED] != 0
    if not received.any():
        return 2 * np.arange(len(columns), dtype=np.int64)
    counts = 1 + received.astype(np.int64)
    roles = np.repeat(2 * np.arange(len(columns), dtype=np.int64), counts)
    roles[(np.cumsum(counts) - 1)[received]] += 1
    return roles


class AccountFeatures:
    """Feature vectors of accounts, kept up to date event by event in arrival order.

    An event is late when it is older than its account's newest event by more than the longest window and
    ``lateness_ms`` together. An account of which nothing was heard for ``ttl_ms`` begins anew.
    """

    def __init__(self, catalogue: Catalogue, lateness_ms: int, ttl_ms: int = TTL_MS) -> None:
        compiled = specialise(catalogue)
        self.catalogue, self.plan = catalogue, compiled.plan
        self.hold_ms, self.ttl_ms = self.plan.windows_ms[-1] + lateness_ms, ttl_ms
        self._compiled = compiled
        self._hand = 0
        self._record = int(self.plan.constants["RECORD"])
        event_words = self.plan.constants["FIELDS_64"] + self.plan.constants["FIELDS_32"] // 2
        self._log_margin = CHUNK_MAX * event_words
        self._slots = SlotTable()
        self._words = np.zeros(0, np.int64)
        self._log = np.zeros(2 * self._log_margin, np.int64)
        self._free = np.full(SIZE_CLASSES, -1, np.int64)
        self._top = np.zeros(1, np.int64)

    def __len__(self) -> int:
        """Return the number of accounts known."""
        return len(self._slots)

    @property
    def top(self) -> int:
        """How many slots were ever given; arrays by slot need as many rows."""
        return self._slots.top

    def slots(self) -> NDArray[np.int64]:
        """Return the slots that have an account; a restored snapshot numbers them anew from 0, in this order."""
        return self._slots.slots()

    @property
    def nbytes(self) -> int:
        """Bytes the arrays take."""
        return self._slots.nbytes + self._words.nbytes + self._log.nbytes

    def process(self, columns: EventColumns, roles: NDArray[np.int64]) -> Computed:
        """Take events in arrival order, each in the roles given (`both_roles`)."""
        received = roles & 1 == 1
        rows = roles >> 1
        accounts = np.where(received, columns.words[rows, c.TARGET], columns.words[rows, c.ACCOUNT])
        slots = self._slots.find_or_add(accounts.view(np.uint64))
        self._fit_records()
        sent = np.flatnonzero(~received)
        outcomes = np.zeros(len(sent), np.uint8)
        vectors = np.empty((len(sent), len(self.catalogue.features)))
        batch = Batch(columns.words, columns.halves, roles, slots)
        results = Results(outcomes, vectors, np.zeros(2, np.int64))
        while not self._compiled.process(self._state(), batch, self.hold_ms, self.ttl_ms, results):
            _grow(self._log, int(len(self._log) * _GROWTH) + self._log_margin)
        vectors[outcomes != PROCESSED] = np.nan
        return Computed(slots[sent], outcomes, vectors)

    def sweep(self, before_ms: int, steps: int, pinned: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Look at the next ``steps`` slots, and forget accounts idle since before a time; return their slots.

        Slots ``pinned``, shape (top,), are kept. What may be forgotten begins anew in any case (see ``ttl_ms``), so
        when it is forgotten changes no number.
        """
        top = self._slots.top
        freed = np.empty(min(steps, top), np.int64)
        count = self._compiled.sweep(self._state(), self._hand, top, before_ms, pinned, freed) if top else 0
        self._hand = (self._hand + len(freed)) % max(top, 1)
        self._slots.remove(freed[:count])
        return freed[:count]

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Copy the state into arrays that never change; ``restore`` takes them back."""
        return {
            "version": np.array([STATE_VERSION]),
            "fingerprint": np.array([self._compiled.fingerprint]),
            "keys": self._slots.keys(),
            "records": self._words.reshape(-1, self._record)[self._slots.slots()],
            "log": self._log[: self._top[0]].copy(),
            "free": self._free.copy(),
        }

    def restore(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Go on from a snapshot. ValueError if another version or another catalogue wrote it."""
        if state["version"][0] != STATE_VERSION or state["fingerprint"][0] != self._compiled.fingerprint:
            msg = (
                f"the state has version {state['version'][0]} and was written for other features, expected version "
                f"{STATE_VERSION} and this catalogue; fill the new features from history with `gillnet run "
                "--backfill-from lake`, or start with an empty state folder and replay the events topic"
            )
            raise ValueError(msg)
        self._slots, self._hand = SlotTable(), 0
        self._slots.find_or_add(state["keys"].astype(np.uint64))
        self._fit_records()
        self._words.reshape(-1, self._record)[: len(state["records"])] = state["records"]
        self._top[0] = len(state["log"])
        self._log = np.zeros(len(state["log"]) + 2 * self._log_margin, np.int64)
        self._log[: len(state["log"])] = state["log"]
        self._free[:] = state["free"]

    def _state(self) -> State:
        return State(
            self._words,
            self._words.view(np.int32),
            self._words.view(np.uint16),
            self._log,
            self._log.view(np.int32),
            self._free,
            self._top,
            self.plan.blank,
        )

    def _fit_records(self) -> None:
        held, needed = len(self._words) // self._record, self._slots.top
        if needed > held:
            _grow(self._words, max(int(held * _GROWTH), needed) * self._record)
            self._words[held * self._record :].reshape(-1, self._record)[:] = self.plan.blank


def _grow(array: NDArray[np.int64], size: int) -> None:
    """Lengthen an array in its place: a large one moves by its pages, without a copy."""
    array.resize(size, refcheck=False)  # the views a kernel was given live no longer than its call
