"""The state folder: who may use it, and what is fixed for as long as it lives."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from bytewax.recovery import init_db_dir

from detector.contract.durable import write_file
from detector.contract.errors import GillnetError, UsageError
from detector.settings import Settings

RECOVERY_PARTITIONS: Final = 2
ENTITY_SHARDS: Final = 4
"""More than four workers need not count entities: it is a small part of the work."""
VERSION: Final = 8
_LOCK_SECONDS: Final = 3.0  # killed workers let go of the lock within this

_RECIPES: Final = {"shards": "change the state with `gillnet state reshard --shards {}`, "}


class StateError(GillnetError):
    """The state folder cannot be used."""


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided when a deployment begins and cannot change while its state lives."""

    version: int = VERSION
    id: str
    shards: int
    entity_shards: int = ENTITY_SHARDS
    lanes: int
    events_topic: str
    decisions_partitions: int
    dead_letters_partitions: int
    campaigns_partitions: int
    scores_partitions: int
    resharding_from: int | None = None
    """Set while the number of shards is being changed: how many there were, or still are."""


class _Versioned(msgspec.Struct, frozen=True):
    """What is read of a deployment first: another version may have had other fields."""

    version: int


@contextmanager
def locked(state_dir: Path) -> Iterator[int]:
    """Hold the state folder alone; the descriptor is for the workers, so that it stays locked until all are gone."""
    state_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(descriptor, state_dir)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield descriptor
    finally:
        os.close(descriptor)


def open_deployment(settings: Settings, partitions: dict[str, int]) -> Deployment:
    """Read what is fixed, or fix it when there is no state yet; refuse settings that do not fit it."""
    deployment = read_deployment(settings)
    if deployment is None:
        return _begin(settings, partitions, _path(settings))
    _check(settings, partitions, deployment)
    return deployment


def read_deployment(settings: Settings) -> Deployment | None:
    """Read what is fixed, whatever the topics and settings are; None when there is no state."""
    path = _path(settings)
    if not path.exists():
        return None
    try:
        content = path.read_bytes()
        _check_version(settings, msgspec.json.decode(content, type=_Versioned).version)
        return msgspec.json.decode(content, type=Deployment)
    except msgspec.DecodeError as error:
        raise StateError(f"{path} is damaged ({error}); restore it, or move {settings.state_dir} away") from error


def recovery_dir(settings: Settings) -> Path:
    """Name the folder of Bytewax's recovery store."""
    return settings.state_dir / "recovery"


def checkpoints_dir(settings: Settings) -> Path:
    """Name the folder of the shards' states."""
    return settings.state_dir / "checkpoints"


def read_totals(settings: Settings) -> dict[str, int]:
    """Read what was counted until the last clean end."""
    path = settings.state_dir / "totals.json"
    return msgspec.json.decode(path.read_bytes(), type=dict[str, int]) if path.exists() else {}


def write_totals(settings: Settings, totals: dict[str, int]) -> None:
    """Write what was counted until this clean end."""
    write_file(settings.state_dir / "totals.json", msgspec.json.encode(totals))


def _begin(settings: Settings, partitions: dict[str, int], path: Path) -> Deployment:
    deployment = Deployment(
        id=secrets.token_hex(4),
        shards=settings.shards,
        lanes=min(settings.workers, settings.shards),
        events_topic=settings.events_topic,
        decisions_partitions=partitions[settings.decisions_topic],
        dead_letters_partitions=partitions[settings.dead_letters_topic],
        campaigns_partitions=partitions[settings.campaigns_topic],
        scores_partitions=partitions[settings.scores_topic],
    )
    recovery = recovery_dir(settings)
    if recovery.exists():  # a start that ended between the two steps below; nothing ran yet
        for file in recovery.iterdir():
            file.unlink()
    recovery.mkdir(exist_ok=True)
    init_db_dir(recovery, RECOVERY_PARTITIONS)  # type: ignore[no-untyped-call]  # untyped there
    write_file(path, msgspec.json.encode(deployment))
    return deployment


def write_deployment(settings: Settings, deployment: Deployment) -> None:
    """Write what is fixed anew: only what has changed the state to fit it may do so."""
    write_file(_path(settings), msgspec.json.encode(deployment))


def _path(settings: Settings) -> Path:
    return settings.state_dir / "deployment.json"


def _check_version(settings: Settings, version: int) -> None:
    if version != VERSION:
        raise UsageError(
            f"the state in {settings.state_dir} is of version {version}, and this Gillnet reads version "
            f"{VERSION}: begin anew with another --state-dir, and it reads the events topic from its start"
        )


def _check(settings: Settings, partitions: dict[str, int], deployment: Deployment) -> None:
    if deployment.resharding_from is not None:
        raise UsageError(
            f"the state in {settings.state_dir} is being changed to {deployment.shards} shards, and that was "
            f"interrupted: finish it with `gillnet state reshard --shards {deployment.shards}`"
        )
    fixed = {
        "shards": (settings.shards, deployment.shards),
        "events_topic": (settings.events_topic, deployment.events_topic),
    }
    for name, (wanted, held) in fixed.items():
        if wanted != held:
            raise UsageError(
                f"{name} is {wanted}, but the state in {settings.state_dir} was begun with {held}: set it to {held}, "
                f"{_RECIPES.get(name, '').format(wanted)}or begin anew with another --state-dir"
            )
    for topic, held in (
        (settings.decisions_topic, deployment.decisions_partitions),
        (settings.dead_letters_topic, deployment.dead_letters_partitions),
        (settings.campaigns_topic, deployment.campaigns_partitions),
        (settings.scores_topic, deployment.scores_partitions),
    ):
        if partitions[topic] < held:
            raise StateError(
                f"topic {topic!r} has {partitions[topic]} partitions, but the state in {settings.state_dir} was begun "
                f"with {held}: it was made anew; begin anew too, with another --state-dir"
            )


def _lock(descriptor: int, state_dir: Path) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
                raise StateError(
                    f"the state in {state_dir} is in use by process {holder or 'unknown'}: "
                    "stop that one first, or give this one another --state-dir"
                ) from None
            time.sleep(0.05)
        else:
            return
