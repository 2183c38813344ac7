"""Labels on their way into the lake: read by the launcher, beside the stream, for nothing in the stream waits for them.

Each partition is a lane of the lake of its own, and a lane's epochs are numbered by offsets: the lake itself says how
far the topic was read, so every label is in it once, whatever is killed.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

import polars as pl
from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import OFFSET_BEGINNING

from detector.contract.labels import LabelError, decode_label
from detector.contract.times import rfc3339
from detector.lake import LakeWriter
from flows.clients import EOF, LOST, consumer, offset_of
from flows.dead_rows import DEAD_ROWS, DeadRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import Message

    from detector.settings import Settings
    from flows.state import Deployment

BAD_LABEL: Final = "bad_label"
"""The cause of a row in the lake's table ``dead_letters`` that came from the topic of labels."""
_MESSAGES_MAX: Final = 10_000
_END_SECONDS: Final = 10.0
_log = logging.getLogger(__name__)


class LabelsToLake:
    """Takes the labels that arrive into the lake, every so often; it is the only one that does for a deployment."""

    def __init__(self, settings: Settings, deployment: Deployment, partitions: int) -> None:
        self._topic, self._flush_seconds = settings.labels_topic, settings.lake_flush_seconds
        self._writers = [LakeWriter(settings.lake_dir, f"{deployment.id}.labels-{part}") for part in range(partitions)]
        for writer in self._writers:  # what is staged is whole: a crash came before it was published
            _publish(writer, writer.last_seq)
            writer.recover(writer.last_seq)
        self._consumer = consumer(settings)
        self._consumer.assign([self._place(part, writer.last_seq) for part, writer in enumerate(self._writers)])
        self._took_at = float("-inf")

    def take(self) -> None:
        """Write what has arrived, unless that was done a moment ago."""
        if time.monotonic() >= self._took_at + self._flush_seconds:
            self._took_at = time.monotonic()
            self._write([message for message in self._consumer.consume(_MESSAGES_MAX, 0) if self._is_label(message)])

    def finish(self) -> None:
        """Write what there is up to the topic's end, and leave."""
        ended: set[int | None] = set()
        deadline = time.monotonic() + _END_SECONDS
        self._consumer.assign([self._place(part, writer.last_seq) for part, writer in enumerate(self._writers)])
        while len(ended) < len(self._writers) and time.monotonic() < deadline:
            messages = self._consumer.consume(_MESSAGES_MAX, 0.1)
            ended.update(m.partition() for m in messages if (error := m.error()) is not None and error.code() == EOF)
            self._write([message for message in messages if self._is_label(message)])
        self._consumer.close()

    def _place(self, part: int, offset: int) -> TopicPartition:
        return TopicPartition(self._topic, part, offset or OFFSET_BEGINNING)

    def _is_label(self, message: Message) -> bool:
        """Tell a label from what librdkafka reports in its place."""
        error = message.error()
        if error is None:
            return True
        if error.code() in LOST:
            part = message.partition() or 0
            _log.warning("%s/%d no longer holds the labels that come next; reading what it holds", self._topic, part)
            self._consumer.incremental_unassign([TopicPartition(self._topic, part)])
            self._consumer.incremental_assign([self._place(part, 0)])
        elif error.code() != EOF:
            _log.warning("kafka: labels: %s", error.str())
        return False

    def _write(self, messages: Sequence[Message]) -> None:
        for part, writer in enumerate(self._writers):
            come = [m for m in messages if m.partition() == part and offset_of(m) >= writer.last_seq]
            if come:
                labels, dead = self._rows(come)
                writer.add("labels", labels)
                writer.add("dead_letters", dead)
                reached = offset_of(come[-1]) + 1
                writer.stage(reached)
                _publish(writer, reached)

    def _rows(self, messages: Sequence[Message]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Read labels; one without a time has that of its arrival."""
        labels, dead = [], []
        for message in messages:
            arrived_ms, value = message.timestamp()[1], message.value() or b""
            try:
                label = decode_label(value)
            except LabelError as error:
                place = (self._topic, message.partition() or 0, offset_of(message))
                dead.append(DeadRow(BAD_LABEL, str(error), *place, int(time.time() * 1000), value))
                continue
            at = label.labelled_at or rfc3339(arrived_ms)
            labels.append((label.account_id, int(label.is_bot), at, label.source, label.family, label.note))
        names = {"account_id": pl.String, "label": pl.Int8, "labelled_at": pl.String}
        rest = dict.fromkeys(("source", "family", "note"), pl.String)
        schema = pl.Schema({**names, **rest})
        return pl.DataFrame(labels, schema, orient="row"), pl.DataFrame(dead, schema=DEAD_ROWS, orient="row")


def _publish(writer: LakeWriter, reached: int) -> None:
    writer.publish(reached)
    writer.forget(reached)
