"""One Kafka consumer for all partitions of a worker."""

from __future__ import annotations

import logging
import time
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.cimpl import OFFSET_BEGINNING

from detector.contract.errors import GillnetError
from detector.settings import Settings
from flows.clients import EOF, LOST, consumer, know_topic, offset_of, passes

_FETCH_SECONDS: Final = 0.001
STALLED_SECONDS: Final = 2.0
_LONGER: Final = 10
_WAIT_MS_MAX: Final = 5000
_log = logging.getLogger(__name__)


class StreamError(GillnetError):
    """The events topic cannot be read on from where we are."""


class Reader:
    """Takes what has arrived, for whichever partition, and keeps it until that partition asks."""

    def __init__(self, settings: Settings, *, tell_ends: bool) -> None:
        self.topic = settings.events_topic
        self._settings, self._tell_ends, self._wait_ms = settings, tell_ends, settings.fetch_wait_ms
        self._batch_events_max = settings.batch_events_max
        self._consumer = self._new_consumer()
        know_topic(self._consumer, self.topic)
        self._next: dict[int, int] = {}
        self._came_at = time.monotonic()
        self._waiting: dict[int, list[Message]] = {}
        self._at_end: set[int] = set()
        self._to_commit: dict[int, int] = {}
        self._fetched_at = 0.0

    def add(self, partition: int, offset: int | None) -> None:
        """Begin to read a partition, from its first message when there is no offset."""
        start = OFFSET_BEGINNING if offset is None else offset
        self._consumer.incremental_assign([TopicPartition(self.topic, partition, start)])
        self._next[partition], self._waiting[partition] = start, []

    def take(self, partition: int) -> list[Message]:
        """Give what has arrived for a partition, without waiting for more."""
        if not self._waiting[partition] and self._may_fetch():
            self._fetch()
        waiting = self._waiting[partition]
        self._waiting[partition] = waiting[self._batch_events_max :]
        return waiting[: self._batch_events_max]

    def at_end(self, partition: int) -> bool:
        """Say whether the end of the partition was reached, if only for a moment, and all before it taken."""
        return partition in self._at_end and not self._waiting[partition]

    def commit(self, offsets: dict[int, int], wait: bool = False) -> None:
        """Tell the group how far we are, for tools that watch lag; we ourselves never ask it."""
        self._to_commit.update(offsets)
        if self._to_commit and (wait or len(self._to_commit) >= len(self._waiting)):
            places = [TopicPartition(self.topic, part, offset) for part, offset in self._to_commit.items()]
            self._to_commit = {}
            try:
                self._consumer.commit(offsets=places, asynchronous=not wait)  # type: ignore[call-overload]  # a bool it is
            except KafkaException as error:
                _log.warning("the group was not told how far we are: %s", error.args[0].str())

    def lag(self, partition: int, offset: int) -> int | None:
        """Count the messages beyond an offset, as far as the last fetch tells."""
        _, high = self._consumer.get_watermark_offsets(TopicPartition(self.topic, partition), cached=True)
        return max(0, high - offset) if high >= 0 else None

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def _new_consumer(self) -> Consumer:
        # Told of every end it meets, a consumer that keeps up fetches without pause: 110 instead of 15 ms a message.
        return consumer(self._settings, enable_partition_eof=self._tell_ends, fetch_wait_max_ms=self._wait_ms)

    def _may_fetch(self) -> bool:
        """Say whether to ask again: not when partitions before this one just did, nor when much waits already."""
        now = time.monotonic()
        if now - self._fetched_at < _FETCH_SECONDS or sum(map(len, self._waiting.values())) >= self._batch_events_max:
            return False
        self._fetched_at = now
        return True

    def _fetch(self) -> None:
        messages = self._consumer.consume(self._batch_events_max, 0)
        self._mind_stalls(bool(messages))
        for message in messages:
            error, partition = message.error(), message.partition()
            if error is None and partition is not None:
                self._waiting[partition].append(message)
                self._next[partition] = offset_of(message) + 1
            elif error is None or partition is None:
                _log.warning("kafka: %s", error)
            elif error.code() == EOF:
                self._at_end.add(partition)
            else:
                self._complain(error, message)

    def _mind_stalls(self, came: bool) -> None:
        """Let the broker look for longer where it has events for us and gives none.

        The embedded one goes through its batches for at most as long as a fetch may wait, and then gives nothing: after
        some thousand batches it would never come to new ones.
        """
        if came:
            self._came_at = self._fetched_at
        if self._fetched_at - self._came_at < STALLED_SECONDS:
            return
        self._came_at = self._fetched_at
        if self._wait_ms < _WAIT_MS_MAX and any(self.lag(part, offset) for part, offset in self._next.items()):
            self._wait_ms = min(self._wait_ms * _LONGER, _WAIT_MS_MAX)
            _log.info("events wait and none came for %.0f s: fetches wait %d ms now", STALLED_SECONDS, self._wait_ms)
            self._consumer.close()
            self._consumer = self._new_consumer()
            self._consumer.assign([TopicPartition(self.topic, *place) for place in self._next.items()])

    def _complain(self, error: KafkaError, message: Message) -> None:
        if error.code() in LOST:
            raise StreamError(
                f"{self.topic}/{message.partition()} no longer holds the offset this state continues from "
                f"({error.str()}): its events were deleted, or the topic was made anew; to start over from what "
                "the topic holds, move the state folder away or name another with --state-dir"
            )
        if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise StreamError(
                f"topic {self.topic!r} or its partition {message.partition()} is no longer there ({error.str()}): make "
                "it again with as many partitions, and begin anew with another --state-dir"
            )
        if not passes(error):
            raise StreamError(f"cannot read topic {self.topic!r}: {error.str()}")
        _log.warning("kafka: %s", error.str())
