"""The dead-letter topic, read back: every letter once, from the oldest the topic holds to its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.cimpl import OFFSET_BEGINNING

from detector.contract.errors import GillnetError
from detector.settings import Settings
from flows.clients import EOF, REACH_SECONDS, TopicError, connect, consumer, passes

_MESSAGES_MAX: Final = 1000
_HALT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: where it came from, why it was refused, and its bytes untouched.

    Key and value are whatever a stranger sent; so are the headers, where something other than Gillnet wrote them.
    """

    place: str
    """``PARTITION-OFFSET`` in the topic it came from: what `gillnet dlq` calls it by."""
    topic: str
    cause: str
    detail: str
    seen_at: str
    key: bytes | None
    value: bytes


def read_letters(settings: Settings) -> Iterator[Letter]:
    """Read the topic from its oldest letter to its end; one that is not there is an error, an empty one is not."""
    topic = settings.dead_letters_topic
    _, metadata = connect(settings, REACH_SECONDS)
    if topic not in metadata.topics:
        raise TopicError(
            f"the broker has no topic {topic!r}: `gillnet run` makes it; if yours has another name, set "
            "dead_letters_topic (GILLNET_DEAD_LETTERS_TOPIC)"
        )
    client = consumer(settings, f"{settings.consumer_group}-dlq", auto_offset_reset="earliest")
    try:
        yield from _to_the_end(client, topic, len(metadata.topics[topic].partitions))
    finally:
        client.close()


def _to_the_end(client: Consumer, topic: str, partitions: int) -> Iterator[Letter]:
    client.assign([TopicPartition(topic, part, OFFSET_BEGINNING) for part in range(partitions)])
    ended: set[int | None] = set()
    deadline = time.monotonic() + _HALT_SECONDS
    while len(ended) < partitions:
        for message in client.consume(_MESSAGES_MAX, 0.1):
            deadline = time.monotonic() + _HALT_SECONDS
            error = message.error()
            if error is None:
                yield _letter(message)
            elif error.code() == EOF:
                ended.add(message.partition())
            elif not passes(error):
                raise GillnetError(f"cannot read topic {topic!r}: {error.str()}; `gillnet doctor` checks the broker")
        if time.monotonic() > deadline:
            raise GillnetError(f"reading {topic!r} came to a halt; `gillnet doctor` checks the broker")


def _letter(message: Message) -> Letter:
    said = {name: (value or b"").decode(errors="replace") for name, value in _headers(message)}
    key, value = message.key(), message.value()
    return Letter(
        place=f"{said.get('partition', '?')}-{said.get('offset', '?')}",
        topic=said.get("topic", ""),
        cause=said.get("cause", "unknown"),
        detail=said.get("detail", ""),
        seen_at=said.get("seen_at", ""),
        key=key if isinstance(key, bytes) else None,
        value=value if isinstance(value, bytes) else b"",
    )


def _headers(message: Message) -> list[tuple[str, bytes | None]]:
    return message.headers() or []  # type: ignore[return-value]  # declared wider than what is read back
