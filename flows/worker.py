"""One worker process: ``python -m flows.worker``, its plan on stdin, its totals on stdout, logs on stderr."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec
from bytewax.recovery import RecoveryConfig
from bytewax.testing import cluster_main

from detector.campaign_files import AnalystFiles
from detector.contract.errors import GillnetError, UsageError
from detector.contract.times import DAY_MS
from detector.engine import AccountShard
from detector.escalation import Escalation
from detector.files import limits_from
from detector.message_groups import MessageGroups
from detector.message_reader import MessageReader
from detector.settings import Settings
from detector.warm import warm
from features.catalogue import DEFAULT
from features.entities import SharedEntities
from features.specialise import specialise
from flows import entity_shards, logs, metrics
from flows.backfill import fill
from flows.entity_shards import EntityLimit
from flows.follow import Decided
from flows.kafka_sink import FencedError, KafkaSink, Target
from flows.lake_plan import LakePlan
from flows.lake_sink import LakeSink
from flows.plan import CANNOT_CONTINUE, FAILED, WRONG_USAGE, Plan
from flows.reader import StreamError
from flows.records import (
    Record,
    about_decision,
    campaign_record_id,
    dead_letter_record_id,
    decision_record_id,
    score_record_id,
)
from flows.room import NoRoomError, no_room_said
from flows.serving import Serving
from flows.shards import Judge, record_committed
from flows.source import EventsSource, SourceOptions
from flows.state import Deployment, checkpoints_dir, recovery_dir
from flows.stream import Routes, Sinks, build
from flows.tally import Report, Tally

_HOPELESS: Final = {
    UsageError: WRONG_USAGE, FencedError: WRONG_USAGE, StreamError: CANNOT_CONTINUE, NoRoomError: CANNOT_CONTINUE
}  # fmt: skip
"""Errors that another start would only repeat, and the exit code that says so."""
_log = logging.getLogger("flows.worker")


def run(plan: Plan, draining: threading.Event) -> Report:
    """Run the flow until it ends or is drained; what it has to say."""
    settings = Settings.model_validate_json(plan.settings)
    gc.freeze()  # what was loaded stays: looking through it for garbage again and again would stop the stream
    tally = Tally()
    options = SourceOptions(plan.index, plan.until_end, draining, limits_from(settings))
    source = EventsSource(settings, plan.partitions, options, tally)
    judge = _judge(settings, plan)
    flow = build(source, judge, _routes(plan.deployment), _sinks(settings, plan, tally), tally)
    recovery = recovery_dir(settings)
    cluster_main(  # type: ignore[no-untyped-call]  # untyped there
        flow,
        list(plan.addresses) if len(plan.addresses) > 1 else [],
        plan.index,
        epoch_interval=timedelta(seconds=settings.epoch_seconds),
        recovery_config=RecoveryConfig(str(recovery), backup_interval=timedelta(0)),  # type: ignore[no-untyped-call]  # likewise
    )
    source.close()
    return tally.report()


def _judge(settings: Settings, plan: Plan) -> Judge:
    serving = Serving(settings, DEFAULT)
    serving.watch()
    first = serving.judges()
    lateness_ms, ttl_ms = round(settings.lateness_seconds * 1000), round(settings.account_ttl_days * DAY_MS)

    def new_shard() -> AccountShard:
        return AccountShard(
            DEFAULT,
            first.champion.model,
            first.policy,
            lateness_ms,
            settings.lake_vectors_share,
            ttl_ms,
            settings.accounts_max,
        )

    sources = min(len(plan.addresses), plan.partitions)  # Bytewax gives partition i to worker i % workers
    fixed = plan.deployment
    return Judge(
        specialise(DEFAULT).plan,
        new_shard, fixed.shards,
        lambda: SharedEntities(lateness_ms), fixed.entity_shards,
        sources,
        checkpoints_dir(settings),
        len(plan.addresses),
        MessageReader.load(settings),
        lambda: MessageGroups(settings.text_groups_max),
        Decided(settings, fixed.decisions_partitions),
        AnalystFiles(settings),
        serving.judges,
        EntityLimit(settings.entities_max, DAY_MS + lateness_ms),
        lambda: Escalation.load(settings),
        settings.epoch_seconds,
    )  # fmt: skip


def _routes(deployment: Deployment) -> Routes:
    return Routes(
        deployment.events_topic,
        deployment.shards,
        deployment.decisions_partitions,
        deployment.dead_letters_partitions,
        deployment.campaigns_partitions,
        deployment.scores_partitions,
        deployment.lanes,
    )


def _sinks(settings: Settings, plan: Plan, tally: Tally) -> Sinks:
    fixed = plan.deployment

    def sink(target: Target) -> KafkaSink:
        return KafkaSink(settings, target, range(plan.index, target.partitions, len(plan.addresses)))

    decisions = Target(
        settings.decisions_topic, fixed.decisions_partitions, decision_record_id,
        tally.decisions.__setitem__, _decisions_committed, about_decision, metrics.record_withheld,
    )  # fmt: skip
    dead = Target(settings.dead_letters_topic, fixed.dead_letters_partitions, dead_letter_record_id, _ignore, _ignore)
    scores = Target(settings.scores_topic, fixed.scores_partitions, score_record_id, _ignore, _ignore)
    told = Target(settings.campaigns_topic, fixed.campaigns_partitions, campaign_record_id, _ignore, _ignore)
    return Sinks(
        sink(decisions),
        sink(dead),
        sink(told),
        LakeSink(LakePlan.of(settings, fixed), DEFAULT.names, tally.lanes.__setitem__),
        sink(scores) if settings.publish_scores else None,
    )


def _decisions_committed(records: Sequence[Record], seconds: float) -> None:
    metrics.record_transaction([r.decision for r in records if r.decision is not None], seconds)
    record_committed([r.arrived_ms for r in records if r.arrived_ms is not None])


def _ignore(first: object, second: object) -> None:
    del first, second


def _known_cause(error: BaseException) -> GillnetError | None:
    """Find our own error under what Bytewax wraps around it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, GillnetError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def main() -> int:
    """Load what any plan needs, read the plan, run, and write what there is to say."""
    warm()  # events wait for nothing that could be loaded before they are read
    entity_shards.warm()
    said = sys.stdin.buffer.read()
    if not said:  # the launcher found that it cannot run
        return 0
    plan = msgspec.json.decode(said, type=Plan)
    report = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries print there; the report stays clean
    logs.start(f"worker-{plan.index}", plan.verbose)
    if not plan.verbose:  # the launcher watches the broker, and says so once for all
        logging.getLogger("flows.clients.unreachable").setLevel(logging.ERROR)
    draining = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: draining.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the launcher
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # held back until we could listen
    try:
        with no_room_said(Settings.model_validate_json(plan.settings)):
            ended = (fill if plan.backfill else run)(plan, draining)
    except BaseException as error:  # noqa: BLE001 - the process ends here, whatever it was, and says why
        known = _known_cause(error)
        _log.critical(f"{FAILED}: %s", known or f"{type(error).__name__}: {error}", exc_info=None if known else error)
        return next((code for kind, code in _HOPELESS.items() if isinstance(known, kind)), 1)
    with report:
        report.write(msgspec.json.encode(ended))
    return 0


if __name__ == "__main__":
    sys.exit(main())
