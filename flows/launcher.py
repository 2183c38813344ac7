"""The launcher: holds the state folder, runs the workers, and starts them again when one dies."""

from __future__ import annotations

import logging
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import Final

from msgspec.structs import replace

from detector.compiling import compile_kernels, is_compiled
from detector.contract.errors import GillnetError, UsageError
from detector.lake.retention import delete_old_days
from detector.settings import Settings
from flows import lake_plan, metrics_endpoint
from flows.broker import EmbeddedBroker
from flows.broker_watch import BrokerWatch
from flows.clients import ensure_topics
from flows.clock import SystemClock
from flows.label_watch import LabelWatch
from flows.labels import LabelsToLake
from flows.lake_plan import LakePlan
from flows.metrics_endpoint import MetricsEndpoint
from flows.plan import CANNOT_CONTINUE, WRONG_USAGE, Plan
from flows.recovery import forget_unfinished
from flows.room import no_room_said
from flows.state import Deployment, locked, open_deployment, read_totals, recovery_dir, write_totals
from flows.tally import COUNTED, Report
from flows.workers import Cluster, Worker

FAST_FAILURE_SECONDS: Final = 20.0
FAST_FAILURES_MAX: Final = 5
DRAIN_SECONDS: Final = 60.0
_BACKOFF_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
_LOOK_SECONDS: Final = 0.05
_RETENTION_SECONDS: Final = 3600.0
_log = logging.getLogger(__name__)


class WorkersFailedError(GillnetError):
    """The workers died again and again."""


class StoppedError(GillnetError):
    """The run was ended before it had finished what it held."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run, besides the settings."""

    until_end: bool = False
    verbose: bool = False
    backfill: bool = False
    """First fill the features of the state from the lake, if it has those of another catalogue, or none."""


@dataclass(frozen=True, slots=True)
class Started:
    """What is running, to be told to whoever started it."""

    settings: Settings
    metrics_url: str
    partitions: int


@contextmanager
def embedded(settings: Settings) -> Iterator[Settings]:
    """Run the embedded broker; its topics are gone with it, so the state is of this run alone.

    A partition and a shard a worker are enough there, and the fewer the faster: a batch of a partition costs the same
    for one event as for many, and so does a checkpoint of a shard.
    """
    with EmbeddedBroker() as broker:
        state_dir = settings.state_dir / f"embedded-{broker.port}"
        try:
            few = dict.fromkeys(("topic_partitions", "shards"), settings.workers)
            own = {"bootstrap_servers": broker.bootstrap_servers, **few}
            yield settings.model_copy(update={**own, "state_dir": state_dir})
        finally:
            shutil.rmtree(state_dir, ignore_errors=True)


class Launcher:
    """Runs one deployment on this machine until it is stopped, or to the end of the topic."""

    def __init__(self, settings: Settings, options: RunOptions, started: Callable[[Started], None]) -> None:
        self._settings = settings
        self._options = options
        self._tell = started
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._retained_at: float | None = None
        self._labels: LabelsToLake | None = None
        self._loading: Cluster | None = None
        """Workers that wait for their plan."""

    def stop(self) -> None:
        """Drain and stop; asked a second time, stop at once."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def run(self) -> dict[str, int]:
        """Run; what was counted since the last clean end."""
        with ExitStack() as stack:
            stack.enter_context(self._signals())
            stack.enter_context(no_room_said(self._settings))
            lock = stack.enter_context(locked(self._settings.state_dir))
            endpoint = metrics_endpoint.serve(self._settings)
            stack.callback(endpoint.stop)
            if is_compiled() and not self._options.backfill:
                self._loading = Cluster(self._settings.workers, endpoint.environment, lock)
                stack.callback(self._loading.kill)
            topics = ensure_topics(self._settings)
            deployment = open_deployment(self._settings, topics)
            broker = stack.enter_context(BrokerWatch(self._settings, endpoint.broker_answers))
            stack.enter_context(LabelWatch(self._settings.lake_dir, endpoint.labels_say))
            partitions = topics[self._settings.events_topic]
            self._tell(Started(self._settings, endpoint.url, partitions))
            if not is_compiled():
                _log.warning("compiling kernels, once on this machine; that takes a minute or two")
                compile_kernels()
                _log.warning("kernels are compiled")
            plan = self._plan(deployment, partitions)
            self._labels = LabelsToLake(self._settings, deployment, topics[self._settings.labels_topic])
            if self._options.backfill:
                self._backfill(plan, endpoint, broker, lock)
            said = self._supervise(plan, endpoint, broker, lock)
            lake_plan.finish(LakePlan.of(self._settings, deployment), said.lanes)
            self._labels.finish()
            before = read_totals(self._settings)
            write_totals(self._settings, said.counts)
            return {name: said.counts.get(name, 0) - before.get(name, 0) for name in COUNTED}

    def _plan(self, deployment: Deployment, partitions: int) -> Plan:
        return Plan(
            settings=self._settings.model_dump_json(),
            deployment=deployment,
            index=0,
            addresses=(),
            partitions=partitions,
            until_end=self._options.until_end,
            verbose=self._options.verbose,
        )

    def _backfill(self, plan: Plan, endpoint: MetricsEndpoint, broker: BrokerWatch, lock: int) -> None:
        """Let one process fill the state before any reads events; it changes all of the state or nothing."""
        cluster = self._start(replace(plan, backfill=True), 1, endpoint, lock)
        try:
            reason = self._watch(cluster, broker)
        finally:
            cluster.kill()
        if reason is not None:
            raise WorkersFailedError(f"the features were not filled, and the state is as it was: {reason}")

    def _supervise(self, plan: Plan, endpoint: MetricsEndpoint, broker: BrokerWatch, lock: int) -> Report:
        """Run clusters until one ends well. That the broker is away is no failure of theirs: it is waited for."""
        failures = 0
        while True:
            cluster = self._start(plan, self._settings.workers, endpoint, lock)
            try:
                reason = self._watch(cluster, broker)
                if reason is None:
                    return _sum(cluster)
            finally:
                cluster.kill()
            lasted = time.monotonic() - cluster.started_at
            if not broker.answers():
                failures = 0
                if not broker.wait(self._stop):
                    raise StoppedError("stopped while the broker was away; the next start continues from here")
            failures = failures + 1 if lasted < FAST_FAILURE_SECONDS else 1
            if failures >= FAST_FAILURES_MAX:
                raise WorkersFailedError(f"the workers failed {failures} times in a row; the last time, {reason}")
            pause = _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS)) - 1]
            _log.error("%s; all workers start again in %.1f s", reason, pause)
            endpoint.worker_restarted()
            time.sleep(pause)

    def _start(self, plan: Plan, workers: int, endpoint: MetricsEndpoint, lock: int) -> Cluster:
        """Start workers from what is durable, whatever the last ones left half done."""
        forget_unfinished(recovery_dir(self._settings))
        cluster, self._loading = self._loading or Cluster(workers, endpoint.environment, lock), None
        cluster.begin(plan)
        return cluster

    def _watch(self, cluster: Cluster, broker: BrokerWatch) -> str | None:
        """Wait until the cluster ends; why it failed, or None when it ended well."""
        draining_since: float | None = None
        clock = SystemClock()
        while not cluster.done():
            dead, set_back = cluster.dead(), clock.set_back()
            if dead is not None:
                return _why(dead)
            if set_back is not None:
                return set_back
            broker.check_topics()
            if self._stop.is_set() and draining_since is None:
                draining_since = time.monotonic()
                cluster.drain()
            slow = draining_since is not None and time.monotonic() > draining_since + DRAIN_SECONDS
            if self._hurry.is_set() or slow:
                raise StoppedError("stopped before the workers had finished; the next start continues from here")
            self._delete_old_days()
            if self._labels is not None:
                self._labels.take()
            time.sleep(_LOOK_SECONDS)
        return None

    def _delete_old_days(self) -> None:
        """Delete what the lake has held for long enough, once an hour."""
        days, now = self._settings.lake_retention_days, time.monotonic()
        if days is None or (self._retained_at is not None and now < self._retained_at + _RETENTION_SECONDS):
            return
        self._retained_at = now
        gone = delete_old_days(self._settings.lake_dir, datetime.now(UTC).date(), days)
        if gone:
            _log.info("deleted %d old days of the lake", len(gone))

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handle(number: int, frame: FrameType | None) -> None:
            del number, frame
            self.stop()

        before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _why(worker: Worker) -> str:
    """Say why a worker died; raise when another start would only repeat it."""
    if worker.code == WRONG_USAGE:
        raise UsageError(worker.error or worker.reason())
    if worker.code == CANNOT_CONTINUE:
        raise GillnetError(worker.error or worker.reason())
    return worker.reason()


def _sum(cluster: Cluster) -> Report:
    total: Counter[str] = Counter()
    lanes: dict[int, int] = {}
    for worker in cluster.workers:
        said = worker.report()
        total.update(said.counts)
        lanes |= said.lanes
    return Report(dict(total), lanes)
