"""The feature state of a set of accounts: arrays, and the plain methods around the kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from features import columns as c
from features.arrays import BLANK, HOME, PROCESSED, ROWS, ROWS_ALL, Batch, Results, State
from features.blocks import Blocks, grown, no_blocks
from features.marks import mark_texts
from features.messages import CAMPAIGN_HIGH, CAMPAIGN_LOW
from features.slots import SlotTable
from features.specialise import specialise
from features.text.history import TextHistory
from features.touched import Touched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from features.columns import EventColumns
    from features.touched import Turn
    from features.views import Catalogue

STATE_VERSION: Final = 5
TTL_MS: Final = 90 * 86_400_000
"""The default of the setting ``account_ttl_days``."""
_PART: Final = 2048
"""Events, each in one role, that are taken in at once: some 2 MB of vectors."""
_GROWTH: Final = 1.125
"""Homes grow by an eighth, for what is not yet used is paid for too."""


@dataclass(frozen=True, slots=True)
class Computed:
    """What the n events that accounts sent came to."""

    slots: NDArray[np.int64]
    """(n,): a number for each account, from 0."""
    outcomes: NDArray[np.uint8]
    """(n,): `arrays.PROCESSED`, ``DUPLICATE`` or ``LATE``."""
    vectors: NDArray[np.float64]
    """(n, F): the account's features after each processed event; what other rows hold means nothing."""


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

    _slots: SlotTable
    _hand: int
    _log: NDArray[np.int64]
    _blocks: Blocks

    def __init__(self, catalogue: Catalogue, lateness_ms: int, ttl_ms: int = TTL_MS) -> None:
        compiled = specialise(catalogue)
        self.catalogue, self.plan = catalogue, compiled.plan
        self.hold_ms, self.ttl_ms = self.plan.windows_ms[-1] + lateness_ms, ttl_ms
        self._compiled = compiled
        self._record = int(self.plan.constants["RECORD"])
        rows = np.zeros(ROWS_ALL * self._record, np.int64)
        rows[BLANK * self._record :][: self._record] = self.plan.blank
        self._rows = rows, rows.view(np.int32), rows.view(np.uint16)
        self._clear()

    def __len__(self) -> int:
        """Return the number of accounts known."""
        return len(self._slots)

    @property
    def top(self) -> int:
        """How many slots were ever given; arrays by slot need as many rows."""
        return self._slots.top

    def slots(self) -> NDArray[np.int64]:
        """Return the slots that have an account; a restored snapshot numbers them anew."""
        return self._slots.slots()

    @property
    def nbytes(self) -> int:
        """Bytes the arrays take."""
        return self._slots.nbytes + self._homes.nbytes + self._log.nbytes + self._history.nbytes

    def process(self, columns: EventColumns, roles: NDArray[np.int64]) -> Computed:
        """Take events in arrival order, each in the roles given (`both_roles`)."""
        sent = int((roles & 1 == 0).sum())
        whole = Computed(
            np.empty(sent, np.int64), np.empty(sent, np.uint8), np.empty((sent, len(self.catalogue.features)))
        )
        for places, part in self.parts(columns, roles):
            whole.slots[places], whole.outcomes[places] = part.slots, part.outcomes
            whole.vectors[places] = part.vectors
        whole.vectors[whole.outcomes != PROCESSED] = np.nan
        return whole

    def parts(self, columns: EventColumns, roles: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Computed]]:
        """Do as `process` does, account by account; yield what some of the events came to, and their places.

        So an account's record is opened once a batch, and vectors are scored while the processor's cache has them.
        Places count events sent, in arrival order. Every part must be taken, for the events to be taken in.
        """
        received = roles & 1 == 1
        rows = roles >> 1
        accounts = np.where(received, columns.words[rows, c.TARGET], columns.words[rows, c.ACCOUNT])
        slots = self._slots.find_or_add(accounts.view(np.uint64))
        self._fit_homes()
        self.touch(slots)
        if "message" in self.plan.needs:
            self._history.process(columns, roles, slots, self.ttl_ms)
            mark_texts(columns, self.plan.predicates)
        order = np.argsort(slots, kind="stable")
        roles, slots = roles[order], slots[order]
        sent, places = roles & 1 == 0, (np.cumsum(~received) - 1)[order]
        for start in range(0, max(len(roles), 1), _PART):
            some = slice(start, start + _PART)
            batch = Batch(columns.words, columns.halves, roles[some], slots[some])
            yield places[some][sent[some]], self._take_in(batch, slots[some][sent[some]])

    def _take_in(self, batch: Batch, senders: NDArray[np.int64]) -> Computed:
        outcomes, vectors = np.zeros(len(senders), np.uint8), np.empty((len(senders), len(self.catalogue.features)))
        results = Results(outcomes, vectors, np.zeros(2, np.int64))
        while not self._compiled.process(self._state(), batch, self.hold_ms, self.ttl_ms, results):
            self._blocks = grown(self._log, self._blocks)
        return Computed(senders, outcomes, vectors)

    def campaigns(self, slots: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Give the numbers of the campaigns that accounts' latest texts are part of, shape (k,); 0 for none."""
        place = self.plan.latest.get("message")
        if place is None:
            return np.zeros(len(slots), np.uint64)
        halves = self.records(slots).view(np.uint32)[:, place:]
        of_none = halves[:, 0].view(np.int32) < 0
        high, low = halves[:, CAMPAIGN_HIGH].astype(np.uint64), halves[:, CAMPAIGN_LOW].astype(np.uint64)
        return np.where(of_none, np.uint64(0), high << np.uint64(32) | low)

    def records(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Copy the records of the accounts in k slots, shape (k, RECORD)."""
        records = np.empty((len(slots), self._record), np.int64)
        flat = records.reshape(-1)
        self._compiled.moves.open_records(self._state(), slots, flat, flat.view(np.int32))
        return records

    def sweep(self, before_ms: int, steps: int, pinned: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Look at the next ``steps`` slots, and forget accounts idle since before a time; return their slots.

        Slots ``pinned``, shape (top,), are kept. What may be forgotten begins anew in any case (see ``ttl_ms``), so
        when it is forgotten changes no number.
        """
        top = self._slots.top
        freed = np.empty(min(steps, top), np.int64)
        count = self._compiled.sweep(self._state(), self._hand, top, before_ms, pinned, freed) if top else 0
        self._hand = (self._hand + len(freed)) % max(top, 1)
        self._forget(freed[:count])
        return freed[:count]

    def touch(self, slots: NDArray[np.int64]) -> None:
        """Count slots among those that changed, whose account changed elsewhere."""
        self._touched.mark(slots, self._slots.top)

    def settle(self) -> None:
        """Count all that is known as told."""
        self._touched = Touched()

    def turn(self, shards: int) -> dict[int, Turn]:
        """Say by shard what to tell of the state now, so that all that was told makes up the state."""
        if not self._touched:
            return {}
        turn = self._touched.take(self._slots.slots())
        return turn.by_shard(self._slots.keys_of(turn.slots), shards)

    def extract(self, slots: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
        """Copy the accounts in k slots into arrays that never change; `put` takes them in."""
        moves = self._compiled.moves
        while not moves.close_all(self._state(), slots):
            self._blocks = grown(self._log, self._blocks)
        state = self._state()
        sizes = np.empty((len(slots), 2), np.int32)
        moves.measure(state, slots, sizes)
        records, log = (np.empty(int(words), np.int64) for words in sizes.sum(axis=0))
        moves.copy_out(state, slots, sizes, records, log)
        return {
            "version": np.array([STATE_VERSION]),
            "fingerprint": np.array([int(self._compiled.fingerprint, 16)], np.uint64),
            "keys": self._slots.keys_of(slots),
            "sizes": sizes,
            "records": records,
            "log": log,
            **self._history.extract(slots),
        }

    def put(self, state: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Take in what `extract` gave, in place of what was known of these accounts; return their slots.

        ValueError if another version or another catalogue wrote it.
        """
        if not self.wrote(state):
            msg = (
                f"the state has version {state['version'][0]} and was written for other features, expected version "
                f"{STATE_VERSION} and this catalogue; fill the new features from history with `gillnet run "
                "--backfill-from lake`, or start with an empty state folder and replay the events topic"
            )
            raise ValueError(msg)
        slots, cursor = self._slots.find_or_add(state["keys"]), np.zeros(3, np.int64)
        self._fit_homes()
        told = state["sizes"], state["records"], state["log"]
        while not self._compiled.moves.copy_in(self._state(), slots, *told, cursor):
            self._blocks = grown(self._log, self._blocks)
        self._history.put(slots, state)
        return slots

    def wrote(self, state: dict[str, NDArray[Any]]) -> bool:
        """Tell whether this version and this catalogue wrote a state."""
        same = state["fingerprint"][0] == np.uint64(int(self._compiled.fingerprint, 16))
        return bool(same and state["version"][0] == STATE_VERSION)

    def remove(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Forget accounts, known or not, each given once; return the slots they had."""
        slots = self._slots.find_or_add(keys)
        self._fit_homes()
        self._compiled.moves.forget_all(self._state(), slots)
        self._forget(slots)
        return slots

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Copy the state into arrays that never change; ``restore`` takes them back."""
        return self.extract(self._slots.slots())

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from a snapshot. ValueError if another version or another catalogue wrote it."""
        self._clear()
        self.put(state)

    def _forget(self, slots: NDArray[np.int64]) -> None:
        self._touched.remove(slots, self._slots.keys_of(slots))
        self._history.forget(slots)
        self._slots.remove(slots)

    def _clear(self) -> None:
        self._hand = 0
        self._slots, self._touched, self._history = SlotTable(), Touched(), TextHistory()
        self._homes = np.zeros(0, np.int64)
        self._log, self._blocks = no_blocks()
        self._opened = np.append(np.full(ROWS, -1), 0)

    def _state(self) -> State:
        log = self._log
        return State(*self._rows, log, log.view(np.int32), self._blocks, self._homes, self._opened)

    def _fit_homes(self) -> None:
        held, needed = len(self._homes) // HOME, self._slots.top
        if needed > held:
            more = max(int(held * _GROWTH), needed) - held
            self._homes = np.concatenate([self._homes, np.full(more * HOME, -1, np.int64)])
