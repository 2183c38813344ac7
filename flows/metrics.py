"""What Gillnet counts and times about itself, for Prometheus.

Workers call the ``record_…`` functions, once a batch or an epoch and never once an event. The launcher calls
``flows.metrics_endpoint.serve``, which gathers what all workers recorded. No label carries an id, an address
or text.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from detector.contract.dead_letters import Cause
from detector.contract.decisions import Decision, Verdict

OUTCOMES: Final = ("processed", "duplicate", "late", "dead")
REGISTRY: Final = CollectorRegistry()
FAST_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LATENCY_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
EPOCH_SECONDS: Final = (0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 5, 10, 30, 60)
BATCH_EVENTS: Final = (1, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)


class BatchHistogram(Histogram):
    """A histogram that takes a whole batch of values for the price of a few."""

    def observe_many(self, values: npt.NDArray[np.float64]) -> None:
        """Observe every value of an array; the same as observing each of them."""
        if values.size == 0:
            return
        bounds = np.asarray(self._upper_bounds)
        counts = np.bincount(np.searchsorted(bounds, values, side="left"), minlength=len(bounds))
        self._sum.inc(float(values.sum()))
        for bucket in np.flatnonzero(counts):
            self._buckets[bucket].inc(int(counts[bucket]))


EVENTS_READ = Counter("gillnet_events_read", "Events read from Kafka, good or bad", registry=REGISTRY)
EVENTS = Counter("gillnet_events", "Events by how they ended; sums to those read", ["outcome"], registry=REGISTRY)
DEAD_LETTERS = Counter(
    "gillnet_dead_letters", "Events that could not be decoded, by cause", ["cause"], registry=REGISTRY
)
DECISIONS = Counter(
    "gillnet_decisions", "Decisions written to Kafka, by verdict", ["verdict", "shadow"], registry=REGISTRY
)
BATCH_SECONDS = BatchHistogram(
    "gillnet_batch_seconds", "Time to process one batch of one worker", buckets=FAST_SECONDS, registry=REGISTRY
)
BATCH_EVENTS_SIZE = Histogram(
    "gillnet_batch_events", "Events in one batch as read from Kafka", buckets=BATCH_EVENTS, registry=REGISTRY
)
EPOCH_LENGTH = Histogram(
    "gillnet_epoch_seconds", "Time between two snapshots of a worker", buckets=EPOCH_SECONDS, registry=REGISTRY
)
END_TO_END = BatchHistogram(
    "gillnet_end_to_end_seconds",
    "Time from an event's arrival in Kafka to its score computed and its decision written",
    buckets=LATENCY_SECONDS,
    registry=REGISTRY,
)
TRANSACTION_SECONDS = Histogram(
    "gillnet_transaction_seconds", "Time of one Kafka transaction", buckets=FAST_SECONDS, registry=REGISTRY
)
TICKS = Counter("gillnet_ticks", "Ticks of the sources, one a second while the stream moves", registry=REGISTRY)
CONSUMER_LAG = Gauge(
    "gillnet_consumer_lag_events",
    "Events in the topic not yet read, by partition",
    ["partition"],
    multiprocess_mode="livemostrecent",
    registry=REGISTRY,
)
WATERMARK_DELAY = Gauge(
    "gillnet_watermark_delay_seconds",
    "How far the watermark is behind the clock, on the worker where it is furthest",
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
LAST_EVENT = Gauge(
    "gillnet_last_event_timestamp_seconds",
    "Event time of the newest event read",
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
STATE_ACCOUNTS = Gauge(
    "gillnet_state_accounts",
    "Accounts held in state, by worker",
    ["worker"],
    multiprocess_mode="livemostrecent",
    registry=REGISTRY,
)
STATE_ENTITIES = Gauge(
    "gillnet_state_entities",
    "Shared entities (devices, addresses, texts and the like) held in state, by worker",
    ["worker"],
    multiprocess_mode="livemostrecent",
    registry=REGISTRY,
)
STATE_BYTES = Gauge(
    "gillnet_state_bytes",
    "Memory of the state, by worker and what is held",
    ["worker", "held"],
    multiprocess_mode="livemostrecent",
    registry=REGISTRY,
)
FORGOTTEN = Counter(
    "gillnet_state_forgotten",
    "Accounts and entities forgotten before their time, because there were more than may be held",
    ["held"],
    registry=REGISTRY,
)
ESCALATED = Counter(
    "gillnet_escalated_messages",
    "Messages in doubt, by whether the larger encoder read them or the budget passed them over",
    ["outcome"],
    registry=REGISTRY,
)
LAKE_ROWS = Counter("gillnet_lake_rows", "Rows written to the lake, by table", ["table"], registry=REGISTRY)
LAKE_FILES = Counter("gillnet_lake_files", "Files added to the lake, by table", ["table"], registry=REGISTRY)
BUILD = Gauge(
    "gillnet_build_info",
    "Always 1; its labels say which version and model run",
    ["version", "model_version"],
    multiprocess_mode="livemax",
    registry=REGISTRY,
)

DECISIONS_WITHHELD = Counter(
    "gillnet_decisions_withheld",
    "Decisions of a replay that were not published, for they contradict what was published before the crash",
    registry=REGISTRY,
)
DRIFT = Gauge(
    "gillnet_drift",
    "Population stability index of a column against the model's training, over the last whole hour by event time, on "
    "the worker where it moved furthest; above 0.25 much has moved",
    ["column"],
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
SCORED_TEXTS = Counter(
    "gillnet_scored_texts", "Events with a text, by its language and whether the account had a verdict after it",
    ["language", "flagged"], registry=REGISTRY,
)  # fmt: skip
MODELS_REFUSED = Counter(
    "gillnet_models_refused", "Models of the registry that do not fit and were not taken up", registry=REGISTRY
)

_snapshotted_at: dict[int, float] = {}

for _outcome in OUTCOMES:  # a series that starts at zero has a rate from its first count on
    EVENTS.labels(_outcome)
for _cause in Cause:
    DEAD_LETTERS.labels(_cause)
for _held in ("accounts", "entities"):
    FORGOTTEN.labels(_held)
for _outcome in ("read", "passed_over"):
    ESCALATED.labels(_outcome)
for _verdict in Verdict:
    DECISIONS.labels(_verdict.label, "false")
    DECISIONS.labels(_verdict.label, "true")


def record_model(version: str, model_version: str, before: str | None) -> None:
    """Say which version and model this worker runs, and which model no longer; called when it starts or changes."""
    BUILD.labels(version, model_version).set(1)
    if before is not None:
        BUILD.labels(version, before).set(0)


def record_withheld(decisions: int) -> None:
    """Count decisions that were not published because the topic holds others."""
    DECISIONS_WITHHELD.inc(decisions)


def record_model_refused() -> None:
    """Count a model that was not taken up."""
    MODELS_REFUSED.inc()


def record_drift(by_column: Mapping[str, float]) -> None:
    """Set how far each column has moved in the last hour; called when an hour has ended."""
    for column, index in by_column.items():
        DRIFT.labels(column).set(index)


def record_languages(counts: Mapping[tuple[str, bool], int]) -> None:
    """Count texts by language and whether their account was flagged; called once an epoch."""
    for (language, flagged), count in counts.items():
        SCORED_TEXTS.labels(language, "true" if flagged else "false").inc(count)


def record_source_batch(read: int, dead: Mapping[str, int], newest_event_ms: int | None) -> None:
    """Count one batch read from Kafka: all its messages, the dead ones by cause, its newest event time."""
    if read == 0:
        return
    EVENTS_READ.inc(read)
    BATCH_EVENTS_SIZE.observe(read)
    for cause, count in dead.items():
        DEAD_LETTERS.labels(cause).inc(count)
        EVENTS.labels("dead").inc(count)
    if newest_event_ms is not None:
        LAST_EVENT.set(newest_event_ms / 1000)


def record_lag(events_by_partition: Mapping[int, int]) -> None:
    """Set how many events each partition holds beyond what was read; called with every tick of the source."""
    TICKS.inc()
    for partition, events in events_by_partition.items():
        CONSUMER_LAG.labels(str(partition)).set(max(events, 0))


def record_watermark(watermark_ms: int, now_ms: int) -> None:
    """Set how far this worker's watermark is behind the clock; called with every batch and idle tick."""
    WATERMARK_DELAY.set(max(now_ms - watermark_ms, 0) / 1000)


def record_shard_results(counts: Mapping[str, int], seconds: npt.NDArray[np.float64]) -> None:
    """Count what became of a worker's events since it last told, and its time for each batch, scoring included."""
    for outcome, count in counts.items():
        if outcome not in OUTCOMES:
            msg = f"an outcome is one of {', '.join(OUTCOMES)}, got {outcome!r}"
            raise ValueError(msg)
        EVENTS.labels(outcome).inc(count)
    BATCH_SECONDS.observe_many(seconds)


def record_transaction(decisions: Iterable[Decision], seconds: float) -> None:
    """Count the decisions of one committed Kafka transaction and its time."""
    for decision in decisions:
        DECISIONS.labels(decision.verdict, "true" if decision.shadow else "false").inc()
    TRANSACTION_SECONDS.observe(seconds)


def record_end_to_end(waited_ms: npt.NDArray[np.int64]) -> None:
    """Observe times from arrival in Kafka (message timestamps) to decisions written, or scores where there are none."""
    END_TO_END.observe_many(np.maximum(waited_ms, 0) / 1000)


def record_snapshot(worker: int, accounts: int, state_bytes: int) -> None:
    """Set the size of a worker's accounts and observe the time since their last snapshot; called at each.

    ``worker`` is the number of its first shard: that of the worker itself, up to eight of them.
    """
    now = time.monotonic()
    if worker in _snapshotted_at:
        EPOCH_LENGTH.observe(now - _snapshotted_at[worker])
    _snapshotted_at[worker] = now
    STATE_ACCOUNTS.labels(str(worker)).set(accounts)
    STATE_BYTES.labels(str(worker), "accounts").set(state_bytes)


def record_entities(worker: int, entities: int, state_bytes: int) -> None:
    """Set the size of a worker's shared entities; called at each of their snapshots."""
    STATE_ENTITIES.labels(str(worker)).set(entities)
    STATE_BYTES.labels(str(worker), "entities").set(state_bytes)


def record_forgotten(held: str, count: int) -> None:
    """Count accounts or entities that were forgotten since there were too many of them."""
    FORGOTTEN.labels(held).inc(count)


def record_escalation(read: int, passed_over: int) -> None:
    """Count messages in doubt since this was last told; called at each snapshot of where messages meet."""
    ESCALATED.labels("read").inc(read)
    ESCALATED.labels("passed_over").inc(passed_over)


def record_lake_file(table: str, rows: int) -> None:
    """Count one published lake file and its rows."""
    LAKE_ROWS.labels(table).inc(rows)
    LAKE_FILES.labels(table).inc()
