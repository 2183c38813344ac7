"""What `gillnet doctor` looks at: each check says what it found and, where something is wrong, what to do."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import polars as pl

from detector.compiling import is_compiled
from detector.contract.errors import GillnetError
from detector.contract.kernel_cache import CACHE_DIR
from detector.files import limits_from
from detector.lake.tables import TABLES
from detector.policy import policy_from
from detector.scoring import Scoring
from detector.serving import champion_of
from detector.settings import Settings, config_file, unknown_variables
from features.catalogue import DEFAULT
from flows.clients import connect, lost_offsets, topics_of
from flows.state import open_deployment
from models.encoder.escalation import escalation_available
from models.registry import load_version, read_registry

GIB: Final = 1 << 30
REACH_SECONDS: Final = 5.0


class Level(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    check: str
    level: Level
    found: str
    advice: str | None = None


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check, the quick ones first."""
    yield from _settings(settings)
    yield from _model(settings)
    yield _escalation(settings)
    yield _kernels()
    yield from _folders(settings)
    yield from _lake(settings)
    yield from _broker(settings)


def _settings(settings: Settings) -> Iterator[Finding]:
    path = config_file()
    found = f"read from {path}" if path.is_file() else "no gillnet.toml here; defaults and environment"
    yield Finding("settings", Level.OK, found)
    for variable in unknown_variables():
        advice = "correct its name or unset it; gillnet.example.toml lists the settings"
        yield Finding("settings", Level.WARN, f"{variable} is in the environment but sets nothing", advice)
    try:
        limits_from(settings)
    except GillnetError as error:
        yield Finding("settings", Level.FAIL, str(error), "correct event_time_min")


def _model(settings: Settings) -> Iterator[Finding]:
    try:
        model = champion_of(settings)
        policy = policy_from(settings, model.thresholds)
        Scoring(DEFAULT, model)
    except GillnetError as error:
        advice = "promote another (`gillnet models list`), or set model_dir to a folder that `gillnet train` wrote"
        yield Finding("model", Level.FAIL, str(error), advice)
    else:
        thresholds = ", ".join(f"{value:g}" for value in policy.thresholds)
        found = f"{model.version}, {len(model.feature_names)} features, thresholds {thresholds}"
        yield Finding("model", Level.OK, found)
    yield from _challengers(settings)


def _challengers(settings: Settings) -> Iterator[Finding]:
    try:
        challengers = read_registry(settings.registry_dir).challengers
    except GillnetError as error:
        yield Finding("model", Level.FAIL, str(error), "bring the registry back from a copy")
        return
    for version in challengers:
        try:
            Scoring(DEFAULT, load_version(settings.registry_dir, version))
        except GillnetError as error:
            advice = f"gillnet models archive {version}, or add it again"
            yield Finding("model", Level.WARN, f"challenger left out: {error}", advice)
        else:
            yield Finding("model", Level.OK, f"{version} in shadow")


def _escalation(settings: Settings) -> Finding:
    reason = escalation_available(settings.escalation_dir)
    if reason is None:
        found = f"on: MiniLM in {settings.escalation_dir}, up to {settings.escalations_per_second:g} messages a second"
        return Finding("escalation", Level.OK, found)
    return Finding("escalation", Level.OK, f"off, messages in doubt are not read again: {reason}")


def _kernels() -> Finding:
    if is_compiled():
        return Finding("kernels", Level.OK, "compiled")
    if os.access(_nearest(CACHE_DIR), os.W_OK):
        return Finding(
            "kernels",
            Level.WARN,
            "not compiled yet",
            "the first start compiles them, once; or compile them now: python -m detector.compiling",
        )
    advice = "set NUMBA_CACHE_DIR to a folder that can be written, or every start compiles them again"
    return Finding("kernels", Level.WARN, f"cannot be kept: {CACHE_DIR} cannot be written", advice)


def _folders(settings: Settings) -> Iterator[Finding]:
    for name, path in (("state", settings.state_dir), ("lake", settings.lake_dir)):
        there = _nearest(path)
        if not there.is_dir():
            yield Finding(name, Level.FAIL, f"{there} is no folder", f"move it away, or set {name}_dir elsewhere")
            continue
        if not os.access(there, os.W_OK | os.X_OK):
            advice = f"let this user write to {there}, or set {name}_dir elsewhere"
            yield Finding(name, Level.FAIL, f"{path} cannot be written", advice)
            continue
        found = f"{path} can be written" if there == path else f"{path} will be made"
        yield Finding(name, Level.OK, found)
        yield _space(name, there)


def _space(name: str, path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    found = f"{free / GIB:,.1f} GiB free for the {name}"
    if free < GIB // 2:
        return Finding("disk", Level.FAIL, found, "make room: less than 0.5 GiB is left")
    if free < 5 * GIB:
        return Finding("disk", Level.WARN, found, "watch it: the lake grows with every event")
    return Finding("disk", Level.OK, found)


def _nearest(path: Path) -> Path:
    """Find the folder itself or the nearest one above it that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())


def _lake(settings: Settings) -> Iterator[Finding]:
    for table in TABLES:
        files = sorted((settings.lake_dir / table).glob("date=*/*.parquet"))
        if not files:
            continue
        try:
            pl.read_parquet_schema(files[-1])
        except (pl.exceptions.ComputeError, OSError) as error:
            advice = f"move {files[-1]} out of the lake; a replay of the topic writes its rows again"
            yield Finding("lake", Level.FAIL, f"{table}: {files[-1].name} cannot be read: {error}", advice)
            continue
        days = len({file.parent.name for file in files})
        yield Finding("lake", Level.OK, f"{table}: {len(files)} files over {days} days, the newest readable")


def _state(settings: Settings, partitions: dict[str, int]) -> Iterator[Finding]:
    """Compare the state of an earlier run, if there is one, with settings and topics; tell who uses it."""
    if not (settings.state_dir / "deployment.json").exists():
        return
    missing = dict.fromkeys(topics_of(settings).values(), 0)
    try:
        deployment = open_deployment(settings, missing | partitions)
    except GillnetError as error:
        found, _, advice = str(error).partition(": ")
        yield Finding("state", Level.FAIL, found, advice or None)
        return
    yield Finding("state", Level.OK, f"{deployment.shards} shards, fits the settings; {_used_by(settings)}")
    yield from _offsets(settings, partitions.get(settings.events_topic, 0))


def _offsets(settings: Settings, partitions: int) -> Iterator[Finding]:
    try:
        lost = lost_offsets(settings, partitions, REACH_SECONDS)
    except GillnetError as error:
        yield Finding("offsets", Level.WARN, str(error), "see whether this user may read the group and the topic")
        return
    for found in lost:
        advice = (
            "its events were deleted, or the topic was made anew; to start over from what it holds, move the "
            "state folder away or name another with --state-dir"
        )
        yield Finding("offsets", Level.FAIL, found, advice)
    if not lost:
        yield Finding("offsets", Level.OK, "the events topic holds what comes next")


def _used_by(settings: Settings) -> str:
    with (settings.state_dir / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return f"in use by process {lock.read().strip()}"
    return "not in use"


def _broker(settings: Settings) -> Iterator[Finding]:
    try:
        _, metadata = connect(settings, REACH_SECONDS)
    except GillnetError as error:
        found, _, advice = str(error).partition("; ")
        yield Finding("broker", Level.FAIL, found, advice or "correct the Kafka settings")
        return
    yield Finding("broker", Level.OK, f"{settings.bootstrap_servers} answers")
    counts = {name: len(topic.partitions) for name, topic in metadata.topics.items()}
    yield from _state(settings, counts)
    for role, topic in topics_of(settings).items():
        if topic in counts:
            yield Finding("topics", Level.OK, f"{topic} ({role}): {counts[topic]} partitions")
        else:
            advice = "`gillnet run` creates it; make it yourself to choose its partitions"
            yield Finding("topics", Level.WARN, f"{topic} ({role}) does not exist", advice)
