"""Looking on from outside: what arrives in a topic, and how far the group has come in another."""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import Final, Self

from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import OFFSET_BEGINNING

from detector.contract.decisions import Decision, decode
from detector.settings import Settings
from flows.clients import REACH_SECONDS, consumer

_MESSAGES_MAX: Final = 10_000
_WAIT_MS: Final = 100
"""Who looks on is in no hurry, and the embedded broker needs time to come to the end of a long topic."""


class Follower:
    """Reads a topic from its beginning and goes on with what arrives; commits nothing."""

    def __init__(self, settings: Settings, topic: str, partitions: int) -> None:
        self._consumer = consumer(settings, f"{settings.consumer_group}-follower", fetch_wait_max_ms=_WAIT_MS)
        self._consumer.assign([TopicPartition(topic, part, OFFSET_BEGINNING) for part in range(partitions)])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def take(self, timeout_seconds: float) -> list[bytes]:
        """Give the values that arrived, waiting for the first of them for up to ``timeout_seconds``."""
        first = self._consumer.consume(1, timeout_seconds)
        messages = [*first, *self._consumer.consume(_MESSAGES_MAX, 0)]
        return [value for m in messages if m.error() is None and isinstance(value := m.value(), bytes)]


class Decided:
    """Gives the decisions in a topic, each time those since the last time; begins when it is first asked."""

    def __init__(self, settings: Settings, partitions: int) -> None:
        self._settings, self._partitions = settings, partitions

    def __call__(self) -> list[Decision]:
        """Give what is there, without waiting for more."""
        return list(map(decode, self._follower.take(0)))

    @cached_property
    def _follower(self) -> Follower:
        return Follower(self._settings, self._settings.decisions_topic, self._partitions)


class Progress:
    """How far the consumer group of a deployment has come in its events topic."""

    def __init__(self, settings: Settings, partitions: int) -> None:
        self._consumer = consumer(settings)
        self._parts = [TopicPartition(settings.events_topic, part) for part in range(partitions)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def events(self) -> int:
        """Count the events the group has done with, for a topic that nothing was deleted from."""
        committed = self._consumer.committed(self._parts, timeout=REACH_SECONDS)
        return sum(max(part.offset, 0) for part in committed)
