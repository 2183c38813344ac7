"""Another number of shards for the accounts of a stopped deployment.

A crash at any point leaves a state that a second try goes on from: that there is a change under way is noted first, so
nothing reads the state until it is done; all shards' new states become valid at once (`flows.visit`); and to cut again
what is cut already changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from detector.contract.errors import UsageError
from flows.accounts import empty_shard
from flows.checkpoints import Checkpoints
from flows.recovery import forget_unfinished, source_partitions
from flows.state import checkpoints_dir, locked, read_deployment, recovery_dir, write_deployment
from flows.stream import FLOW
from flows.visit import Visits, visit

if TYPE_CHECKING:
    from detector.engine import AccountShard
    from detector.settings import Settings
    from flows.shards import ShardState
    from flows.state import Deployment

SHARDS_MAX: Final = 4096


def reshard(settings: Settings, shards: int) -> int:
    """Cut the accounts anew into that many shards; how many accounts there are. Nothing may be running."""
    with locked(settings.state_dir):
        deployment = read_deployment(settings)
        if deployment is None:
            raise UsageError(f"no state in {settings.state_dir}: set shards = {shards}, and the first start takes it")
        _check(deployment, shards)
        cut = deployment.resharding_from or deployment.shards
        under_way = _with(deployment, shards, max(cut, deployment.shards))
        write_deployment(settings, under_way)
        known = _cut(settings, under_way, max(cut, deployment.shards, shards))
        write_deployment(settings, _with(deployment, shards, None))
        return known


def _check(deployment: Deployment, shards: int) -> None:
    if not 1 <= shards <= SHARDS_MAX:
        raise UsageError(f"--shards: expected 1 to {SHARDS_MAX}, got {shards}")
    for topic, partitions in (
        ("decisions", deployment.decisions_partitions),
        ("scores", deployment.scores_partitions),
    ):
        if shards % partitions or deployment.shards % partitions:
            raise UsageError(
                f"--shards: expected a multiple of the {partitions} partitions of {topic}, in place of "
                f"{deployment.shards} that is one too, got {shards}: an account's {topic} would change their partition"
            )


def _with(deployment: Deployment, shards: int, resharding_from: int | None) -> Deployment:
    return replace(deployment, shards=shards, resharding_from=resharding_from)


def _cut(settings: Settings, deployment: Deployment, shards_max: int) -> int:
    """Read the accounts of all shards there are, and give each shard there is to be its part."""
    forget_unfinished(recovery_dir(settings))
    partitions = source_partitions(recovery_dir(settings), f"{FLOW}.events")
    if partitions == 0:
        return 0
    accounts, table = Checkpoints(checkpoints_dir(settings), "accounts"), empty_shard(settings)
    states = _read(settings, deployment, partitions, shards_max, accounts, table)
    parts = table.split(deployment.shards)
    watermark_ms = max(state["watermark_ms"] for state in states.values()) if states else 0

    def cut(number: int, state: ShardState | None) -> ShardState | None:
        if number not in parts or number >= deployment.shards:
            return None
        counts = _sum(states) if number == min(parts) else {}
        place = accounts.begin_anew(number, parts[number], state and state["place"])
        return {"shard": number, "watermark_ms": watermark_ms, "counts": counts, "place": place}

    visit(recovery_dir(settings), _as_many(deployment, shards_max), partitions, Visits(accounts=cut))
    return len(table)


def _read(
    settings: Settings,
    deployment: Deployment,
    partitions: int,
    shards_max: int,
    accounts: Checkpoints,
    table: AccountShard,
) -> dict[int, ShardState]:
    states: dict[int, ShardState] = {}

    def take(number: int, state: ShardState | None) -> ShardState | None:
        if state is not None:
            states[number] = state
            for told in accounts.read(number, state["place"]):
                table.apply(told)
        return state

    visit(recovery_dir(settings), _as_many(deployment, shards_max), partitions, Visits(accounts=take))
    return states


def _as_many(deployment: Deployment, shards: int) -> Deployment:
    return _with(deployment, shards, None)


def _sum(states: dict[int, ShardState]) -> dict[str, int]:
    """Add up what shards counted, for one of them to hold."""
    total: dict[str, int] = {}
    for state in states.values():
        for name, count in state["counts"].items():
            total[name] = total.get(name, 0) + count
    return total
