"""Fill the features of a state from the lake, before the stream goes on.

All of it or, whatever happens before, nothing (`flows.visit`). Offsets, sinks and what was counted stay as they are.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from detector import verdicts
from detector.backfill import Filled, Filling, History
from detector.contract.durable import write_file
from detector.contract.errors import GillnetError, UsageError
from detector.contract.times import DAY_MS
from detector.lake import LakeWriter
from detector.message_reader import MessageReader
from detector.settings import Settings
from features.catalogue import DEFAULT
from features.state import AccountFeatures
from flows.batches import NO_WATERMARK_MS
from flows.checkpoints import Checkpoints
from flows.entity_shards import EntityState
from flows.lake_plan import LakePlan
from flows.lake_sink import LaneState
from flows.plan import Plan
from flows.shards import ShardState
from flows.state import checkpoints_dir, recovery_dir
from flows.tally import Report
from flows.visit import Visits, visit

_TELL_SECONDS: Final = 5.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Held:
    """What a state holds, without its features."""

    counts: dict[int, dict[str, int]] = field(default_factory=dict)
    current: dict[int, bool] = field(default_factory=dict)
    lanes: dict[int, LaneState] = field(default_factory=dict)

    @property
    def seen(self) -> int:
        """Events that accounts were shown."""
        return sum(sum(counts.values()) for counts in self.counts.values())


def fill(plan: Plan, draining: threading.Event) -> Report:
    """Fill the features of this version from the lake, unless the state has them; nothing is counted."""
    _log.setLevel(logging.INFO)  # it was asked for and takes long: said also when little else is
    settings, started = Settings.model_validate_json(plan.settings), time.monotonic()
    held = _read(settings, plan)
    if held.current and all(held.current.values()):
        _log.info("the state has the features of this version: nothing to fill")
        return Report()
    _publish(settings, plan, held)
    with TemporaryDirectory(prefix="backfill-", dir=settings.state_dir) as scratch:
        filling = _filling(settings, plan)
        history = History(settings.lake_dir, _deployments(settings, plan, held), filling.horizon_ms, Path(scratch))
        if not (held.current or history.events):
            _log.info("the lake %s holds no events: nothing to fill", settings.lake_dir)
            return Report()
        _compare(settings, plan, held, history)
        reader = MessageReader.load(settings)
        filled = _replay(history, filling, reader, draining)
    _write(settings, plan, filled, history)
    _log.info(
        "filled %d features of %s accounts from %s events in the lake, of %s and later, in %.1f s%s",
        len(DEFAULT.features), f"{len(filled):,}", f"{filled.events:,}", history.since, time.monotonic() - started,
        f"; {filled.changed:,} events have another outcome than they had" if filled.changed else "",
    )  # fmt: skip
    return Report()


def _read(settings: Settings, plan: Plan) -> _Held:
    held, features = _Held(), AccountFeatures(DEFAULT, 0)
    accounts = Checkpoints(checkpoints_dir(settings), "accounts")

    def look(number: int, state: ShardState | None) -> ShardState | None:
        if state is not None:
            told = accounts.read(number, state["place"])
            held.current[number] = all(map(features.wrote, told))
            held.counts[number] = state["counts"]
        return state

    visit(recovery_dir(settings), plan.deployment, plan.partitions, Visits(accounts=look, lanes=held.lanes))
    return held


def _write(settings: Settings, plan: Plan, filled: Filled, history: History) -> None:
    """Give every shard its features. What belongs to the state's history is noted first: to know more does no harm."""
    _note_deployments(settings, history.deployments)

    accounts, shared = (Checkpoints(checkpoints_dir(settings), kind) for kind in ("accounts", "entities"))

    def shard(number: int, state: ShardState | None) -> ShardState:
        before = verdicts.merged(accounts.read(number, state["place"])) if state else None
        return {
            "shard": number,
            "watermark_ms": state["watermark_ms"] if state else NO_WATERMARK_MS,
            "counts": state["counts"] if state else {},
            "place": accounts.begin_anew(number, filled.accounts(number, before), state and state["place"]),
        }

    def entities(number: int, state: EntityState | None) -> EntityState:
        return {
            "shard": number,
            "watermark_ms": state["watermark_ms"] if state else NO_WATERMARK_MS,
            "place": shared.begin_anew(number, filled.entities(number), state and state["place"]),
        }

    # The groups of texts stay as they are: what is filled says nothing about them.
    visit(recovery_dir(settings), plan.deployment, plan.partitions, Visits(accounts=shard, entities=entities))


def _filling(settings: Settings, plan: Plan) -> Filling:
    return Filling(
        DEFAULT,
        plan.deployment.shards,
        plan.deployment.entity_shards,
        lateness_ms=round(settings.lateness_seconds * 1000),
        ttl_ms=round(settings.account_ttl_days * DAY_MS),
        idle_ms=round(settings.idle_partition_seconds * 1000),
    )


def _publish(settings: Settings, plan: Plan, held: _Held) -> None:
    """Publish what the state has seen and is only staged, as after a crash; drop what it has not seen."""
    lake = LakePlan.of(settings, plan.deployment)
    for number in range(lake.lanes):
        durable = held.lanes[number]["seq"] if number in held.lanes else 0
        writer = LakeWriter(lake.folder, lake.lane(number))
        writer.recover(durable)
        writer.publish(durable)


def _compare(settings: Settings, plan: Plan, held: _Held, history: History) -> None:
    """Say what the lake no longer holds of what the state has seen: old days may be deleted."""
    kept = history.held(plan.deployment.id)
    if held.seen and not history.events:
        raise UsageError(
            f"the lake {settings.lake_dir} holds none of the {held.seen:,} events this state has seen: set lake_dir "
            "to the lake it wrote, or begin anew with another --state-dir"
        )
    if kept != held.seen:
        _log.warning("the lake holds %s of the %s events this state has seen", f"{kept:,}", f"{held.seen:,}")


def _replay(history: History, filling: Filling, reader: MessageReader, draining: threading.Event) -> Filled:
    filled, told_at = Filled(filling, reader), time.monotonic()
    for batch in history.batches():
        if draining.is_set():
            raise GillnetError("stopped before the features were filled; the state is as it was")
        filled.process(batch)
        if time.monotonic() > told_at + _TELL_SECONDS:
            told_at, share = time.monotonic(), filled.events / history.events
            _log.info(
                "filling features: %s of %s events, %.0f %%", f"{filled.events:,}", f"{history.events:,}", 100 * share
            )
    return filled


def _deployments(settings: Settings, plan: Plan, held: _Held) -> frozenset[str] | None:
    """Name those whose events the state has seen: its own, and those it was filled from; a new state takes all."""
    if not held.current:
        return None
    path = settings.state_dir / "filled_from.json"
    return frozenset(
        {plan.deployment.id, *(msgspec.json.decode(path.read_bytes(), type=list[str]) if path.exists() else ())}
    )


def _note_deployments(settings: Settings, deployments: Sequence[str]) -> None:
    write_file(settings.state_dir / "filled_from.json", msgspec.json.encode(deployments))
