"""Every state of a stopped deployment, read and given back as a whole.

The state of a step is only ever written by Bytewax. A flow with the stream's own step ids, and nothing to read, is
given every state, and what it gives back is kept with the end of its one epoch: all of it or, whatever happens before,
nothing. Offsets, and what the topics were given, stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.recovery import RecoveryConfig
from bytewax.testing import cluster_main

from flows.entity_shards import EntityState
from flows.lake_sink import LaneState
from flows.routing import part_key, shard_key
from flows.shards import ShardState
from flows.source import PartitionState
from flows.state import Deployment
from flows.stream import FLOW
from flows.text_groups import TextState

_ONE_EPOCH: Final = timedelta(days=365)
S = TypeVar("S")
Visit = Callable[[int, S | None], S | None]
"""Given a shard's number and state, give the state to keep."""


def as_it_is(number: int, state: Any) -> Any:  # noqa: ANN401 - a state of any kind
    """Leave a state as it is."""
    del number
    return state


@dataclass(slots=True)
class Visits:
    """What to do with the states of each kind, and how far the lake's lanes were found to be."""

    accounts: Visit[ShardState] = as_it_is
    entities: Visit[EntityState] = as_it_is
    texts: Visit[TextState] = as_it_is
    lanes: dict[int, LaneState] = field(default_factory=dict)


def visit(recovery: Path, deployment: Deployment, partitions: int, visits: Visits) -> None:
    """Run the flow that gives every state to its function; ``partitions`` as many as the source has states of."""
    accounts, entities = deployment.shards, deployment.entity_shards
    flow = Dataflow(FLOW)
    numbers = op.input("events", flow, _NoEvents(partitions, max(accounts, entities)))
    visited = [
        _step("account_shards", _first(numbers, "accounts", accounts), visits.accounts),
        _step("entity_shards", _first(numbers, "entities", entities), visits.entities),
        _step("text_groups", _first(numbers, "texts", 1), visits.texts),
    ]
    op.output("lake", op.merge("none", *visited), _Lanes(deployment.lanes, visits.lanes))
    store = RecoveryConfig(str(recovery), backup_interval=timedelta(0))  # type: ignore[no-untyped-call]  # untyped there
    cluster_main(flow, [], 0, epoch_interval=_ONE_EPOCH, recovery_config=store)  # type: ignore[no-untyped-call]  # likewise


def _first(numbers: Any, name: str, count: int) -> Any:  # noqa: ANN401 - a stream of Bytewax
    return op.flat_map(name, numbers, lambda n: [(shard_key(n), n)] if n < count else [])


def _step(name: str, numbers: Any, visit_one: Visit[S]) -> Any:  # noqa: ANN401 - a stream of Bytewax
    def built(state: S | None) -> _Visited[S]:
        return _Visited(visit_one, state)

    return op.stateful_batch(name, numbers, built)


class _NoEvents(FixedPartitionedSource[int, PartitionState]):
    """The events topic, of which nothing is read: its first partition gives the numbers of the shards."""

    def __init__(self, partitions: int, shards: int) -> None:
        self._partitions, self._shards = partitions, shards

    def list_parts(self) -> list[str]:
        """Name every partition."""
        return [part_key(part) for part in range(self._partitions)]

    def build_part(self, step_id: str, for_part: str, resume_state: PartitionState | None) -> _NoPartition:
        """Keep where a partition stands."""
        del step_id
        return _NoPartition(range(self._shards) if int(for_part) == 0 else range(0), resume_state)


class _NoPartition(StatefulSourcePartition[int, PartitionState]):
    def __init__(self, numbers: Sequence[int], state: PartitionState | None) -> None:
        self._numbers = list(numbers)
        self._state: PartitionState = state or {"offset": None, "newest_ms": None, "read": 0, "dead": 0}

    def next_batch(self) -> list[int]:
        """Give the numbers, once."""
        if not self._numbers:
            raise StopIteration
        numbers, self._numbers = self._numbers, []
        return numbers

    def snapshot(self) -> PartitionState:
        """Leave it as it was."""
        return self._state


class _Visited(StatefulBatchLogic[int, None, S], Generic[S]):
    """One shard's state; its number is its only item, and comes when all states are read."""

    def __init__(self, visit_one: Visit[S], state: S | None) -> None:
        self._visit, self._state = visit_one, state

    def on_batch(self, values: list[int]) -> tuple[list[None], bool]:
        """Visit it; no state at all is not kept."""
        self._state = self._visit(values[0], self._state)
        return [], self._state is None

    def snapshot(self) -> S:
        """Give what the visit left; without a state it was discarded, and is not asked."""
        assert self._state is not None
        return self._state


class _Lanes(FixedPartitionedSink[None, LaneState]):
    """The lake's lanes, to which nothing is written: tells how far each is."""

    def __init__(self, lanes: int, found: dict[int, LaneState]) -> None:
        self._lanes, self._found = lanes, found

    def list_parts(self) -> list[str]:
        """Name every lane."""
        return [part_key(lane) for lane in range(self._lanes)]

    def build_part(self, step_id: str, for_part: str, resume_state: LaneState | None) -> _NoLane:
        """Note how far a lane is."""
        del step_id
        state: LaneState = resume_state or {"seq": 0, "published": 0}
        self._found[int(for_part)] = state
        return _NoLane(state)


class _NoLane(StatefulSinkPartition[None, LaneState]):
    def __init__(self, state: LaneState) -> None:
        self._state = state

    def write_batch(self, values: list[None]) -> None:
        """Nothing is written."""

    def snapshot(self) -> LaneState:
        """Leave it as it was."""
        return self._state
