"""Producing bytes to a topic, as fast as the broker takes them or at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from confluent_kafka import KafkaError, Message

from detector.contract.errors import GillnetError
from detector.settings import Settings
from flows.clients import producer

FLUSH_SECONDS: Final = 30.0
_PACE_SECONDS: Final = 0.05


class DeliveryError(GillnetError):
    """A message was not accepted by the broker."""


def produce(
    settings: Settings,
    topic: str,
    batches: Iterable[list[tuple[bytes, bytes]]],
    rate_per_second: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write every (key, value) to the topic and return how many were confirmed; the first failure raises."""
    delivery = _Delivery(topic)
    client = producer(settings, linger_ms=5, queue_buffering_max_messages=500_000)
    pace = _Pace(rate_per_second)
    sent = 0
    for batch in batches:
        for piece in pace.pieces(batch):
            for key, value in piece:
                while True:
                    try:
                        client.produce(topic, value, key, on_delivery=delivery)
                        break
                    except BufferError:  # the local queue is full: wait for the broker
                        client.poll(0.1)
                        delivery.check()
            client.poll(0)
            delivery.check()
            sent += len(piece)
            if progress is not None:
                progress(len(piece))
            pace.wait(sent)
    left = client.flush(FLUSH_SECONDS)
    delivery.check()
    if left:
        raise DeliveryError(f"{left} messages to {topic!r} were not confirmed within {FLUSH_SECONDS:.0f} s")
    return sent


class _Delivery:
    """Remembers the first delivery that failed."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.error: KafkaError | None = None

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        del message
        self.error = self.error or error

    def check(self) -> None:
        if self.error is not None:
            raise DeliveryError(f"the broker did not accept a message to {self.topic!r}: {self.error.str()}")


class _Pace:
    """Keeps what is sent on a straight line in time."""

    def __init__(self, rate_per_second: float | None) -> None:
        self.rate = rate_per_second
        self.started = time.monotonic()

    def pieces(self, batch: list[tuple[bytes, bytes]]) -> Iterable[list[tuple[bytes, bytes]]]:
        size = max(1, int(self.rate * _PACE_SECONDS)) if self.rate else max(1, len(batch))
        return (batch[start : start + size] for start in range(0, len(batch), size))

    def wait(self, sent: int) -> None:
        ahead = sent / self.rate - (time.monotonic() - self.started) if self.rate else 0.0
        if ahead > 0:
            time.sleep(ahead)
