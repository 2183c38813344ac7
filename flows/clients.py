"""Kafka clients from settings: configurations, topics, and errors a person can act on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata
from confluent_kafka.cimpl import NewTopic

from detector.contract.errors import GillnetError, UsageError
from detector.contract.times import DAY_MS
from detector.settings import Settings

REACH_SECONDS: Final = 10.0
_QUIET_SECONDS: Final = 30.0
_FETCH_BYTES_MAX: Final = 8 << 20
"""Of a partition at once; one that is behind is read in a third of the time that librdkafka's 1 MiB takes."""
_END_SECONDS: Final = 1.0
_ALL_BROKERS_DOWN: Final = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001 - librdkafka's own codes are named so
UNREACHABLE: Final = (_ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._TIMED_OUT)  # noqa: SLF001 - likewise
EOF: Final = KafkaError._PARTITION_EOF  # noqa: SLF001 - likewise
LOST: Final = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)  # noqa: SLF001 - likewise
"""The topic holds no more what comes next."""
_PASSING: Final = (
    *UNREACHABLE, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.REQUEST_TIMED_OUT,
    KafkaError.BROKER_NOT_AVAILABLE, KafkaError.REPLICA_NOT_AVAILABLE, KafkaError.NETWORK_EXCEPTION,
    KafkaError.KAFKA_STORAGE_ERROR, KafkaError.OFFSET_NOT_AVAILABLE, KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
)  # fmt: skip
_TOPIC_CONFIG: Final = {
    # A replay skips what it finds in the topic; a decision compacted away before the next snapshot would be
    # published again, behind its successor. A day is far more than an epoch.
    "decisions": {"cleanup.policy": "compact", "min.compaction.lag.ms": str(DAY_MS)},
    "campaigns": {"cleanup.policy": "compact", "min.compaction.lag.ms": str(DAY_MS)},
}
_log = logging.getLogger(__name__)
_unreachable_log = logging.getLogger(f"{__name__}.unreachable")


class BrokerUnreachableError(GillnetError):
    """No broker answered, or it refused us."""


class TopicError(GillnetError):
    """A topic is missing or could not be created."""


def client_config(settings: Settings, error_cb: Callable[[KafkaError], None] | None = None) -> dict[str, Any]:
    """Say what every client needs: where the brokers are and how to authenticate."""
    return {
        "bootstrap.servers": settings.bootstrap_servers,
        "client.id": "gillnet",
        "error_cb": error_cb or _log_error,
        "logger": logging.getLogger("librdkafka"),
        "log_level": 2,  # what it logs below "critical" comes to error_cb too, and with a broker away 30 times a second
        **settings.kafka,
    }


def consumer(settings: Settings, group: str | None = None, **more: str | float | bool) -> Consumer:
    """Make a consumer that never moves on its own: offsets are assigned, and a lost offset is an error."""
    config = client_config(settings) | {
        "group.id": group or settings.consumer_group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "fetch.wait.max.ms": settings.fetch_wait_ms,
        "fetch.message.max.bytes": _FETCH_BYTES_MAX,
    }
    made: Consumer = _made(settings, Consumer, config | _dotted(more))
    return made


def producer(settings: Settings, **more: str | float | bool) -> Producer:
    """Make a producer that writes each message once and confirms it."""
    config = client_config(settings) | {"enable.idempotence": True, "acks": "all"}
    made: Producer = _made(settings, Producer, config | _dotted(more))
    return made


def connect(settings: Settings, timeout_seconds: float = REACH_SECONDS) -> tuple[AdminClient, ClusterMetadata]:
    """Return an admin client and the cluster's topics, or raise one clear error."""
    errors: list[KafkaError] = []
    admin: AdminClient = _made(settings, AdminClient, client_config(settings, errors.append))
    return admin, _metadata(settings, admin, timeout_seconds, errors)


def _metadata(
    settings: Settings, admin: AdminClient, timeout_seconds: float, errors: Sequence[KafkaError] = ()
) -> ClusterMetadata:
    try:
        return admin.list_topics(timeout=timeout_seconds)
    except KafkaException as error:
        admin.poll(0)
        telling = [e for e in errors if e.code() != _ALL_BROKERS_DOWN] or [error.args[0]]
        raise BrokerUnreachableError(
            f"no Kafka broker answered at {settings.bootstrap_servers} within {timeout_seconds:.0f} s "
            f"({redacted(settings, telling[-1].str())}); start it, correct --bootstrap-servers "
            "(GILLNET_BOOTSTRAP_SERVERS), or use --broker embedded"
        ) from None


def know_topic(client: Consumer, topic: str) -> None:
    """Ask for a topic's leaders before they are needed; a client left to itself finds them half a second later."""
    try:
        client.list_topics(topic, timeout=REACH_SECONDS)
    except KafkaException as error:
        raise BrokerUnreachableError(f"no Kafka broker answered about {topic!r}: {error.args[0].str()}") from None


def passes(error: KafkaError) -> bool:
    """Say whether what a consumer reports goes by itself; its own ``retriable()`` is about producers, and always no."""
    return error.code() in _PASSING


def offset_of(message: Message) -> int:
    """Read a message's offset, which a message that was read or delivered always has."""
    offset = message.offset()
    assert offset is not None
    return offset


def ensure_topics(settings: Settings, timeout_seconds: float = REACH_SECONDS) -> dict[str, int]:
    """Create the topics that are missing; how many partitions each has."""
    admin, metadata = connect(settings, timeout_seconds)
    names = topics_of(settings)
    missing = [name for name in names.values() if name not in metadata.topics]
    config = {names[role]: values for role, values in _TOPIC_CONFIG.items()}
    wanted = [NewTopic(name, settings.topic_partitions, -1, config=config.get(name, {})) for name in missing]
    for name, future in (admin.create_topics(wanted) if wanted else {}).items():
        try:
            future.result(timeout_seconds)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise TopicError(
                    f"topic {name!r} does not exist and could not be created: {error.args[0].str()}; "
                    "create it, or allow this user to"
                ) from None
        except TimeoutError:
            raise BrokerUnreachableError(f"no Kafka broker answered about making {name!r}; try again") from None
    return partition_counts(settings, admin, tuple(names.values()), timeout_seconds)


def lost_offsets(settings: Settings, partitions: int, timeout_seconds: float = REACH_SECONDS) -> list[str]:
    """Describe the partitions of the events topic that hold no more what comes next, as far as the group was told."""
    client = consumer(settings)
    topic = settings.events_topic
    try:
        told = client.committed([TopicPartition(topic, part) for part in range(partitions)], timeout_seconds)
        lost = []
        for place in told:
            low, high = client.get_watermark_offsets(place, timeout_seconds) if place.offset >= 0 else (0, 0)
            if place.offset > high:
                high = _end_as_read(client, TopicPartition(topic, place.partition, max(low, high - 1)), high)
            if place.offset >= 0 and not low <= place.offset <= high:
                lost.append(f"{topic}/{place.partition} holds {low} to {high}, and {place.offset} comes next")
    except KafkaException as error:
        raise BrokerUnreachableError(f"the offsets of {topic!r} could not be read: {error.args[0].str()}") from None
    finally:
        client.close()
    return lost


def _end_as_read(client: Consumer, start: TopicPartition, end: int) -> int:
    """Read on to the end: a broker may tell of its last batch only where the first message is, as the embedded one."""
    client.assign([start])
    while (message := client.poll(_END_SECONDS)) is not None and message.error() is None:
        end = max(end, offset_of(message) + 1)
    return end


def topics_of(settings: Settings) -> dict[str, str]:
    """Role of each topic and the name this deployment gives it."""
    return {
        "events": settings.events_topic,
        "decisions": settings.decisions_topic,
        "scores": settings.scores_topic,
        "labels": settings.labels_topic,
        "campaigns": settings.campaigns_topic,
        "dead_letters": settings.dead_letters_topic,
    }


def partition_counts(
    settings: Settings, admin: AdminClient, names: tuple[str, ...], timeout_seconds: float
) -> dict[str, int]:
    """How many partitions each topic has."""
    deadline = time.monotonic() + timeout_seconds
    while True:  # a broker may have created a topic and not know it yet
        topics = _metadata(settings, admin, timeout_seconds).topics
        unknown = [name for name in names if name not in topics]
        if not unknown or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    if unknown:
        raise TopicError(f"the broker knows no topic {', '.join(unknown)}; it has {', '.join(sorted(topics))}")
    return {name: len(topics[name].partitions) for name in names}


def _dotted(more: dict[str, str | float | bool]) -> dict[str, str | float | bool]:
    return {name.replace("_", "."): value for name, value in more.items()}


def _made(settings: Settings, kind: Callable[[dict[str, Any]], Any], config: dict[str, Any]) -> Any:  # noqa: ANN401 - confluent_kafka is untyped
    try:
        return kind(config)
    except KafkaException as error:
        raise UsageError(f"Kafka settings are wrong: {redacted(settings, error.args[0].str())}") from None
    except TypeError as error:  # all names and values are strings; an interrupt while it reads them comes out as this
        raise KeyboardInterrupt from error


def redacted(settings: Settings, text: str) -> str:
    """Return the text without any secret of the Kafka settings in it."""
    for name, value in settings.kafka.items():
        if value and any(part in name for part in ("password", "secret", "key", "jaas", "oauth")):
            text = text.replace(value, "***")
    return text


class _ErrorLog:
    """Logs what librdkafka reports, each kind of error once in a while: it repeats itself as long as it lasts."""

    def __init__(self) -> None:
        self._logged_at: dict[int, float] = {}

    def __call__(self, error: KafkaError) -> None:
        now = time.monotonic()
        if now - self._logged_at.get(error.code(), -_QUIET_SECONDS) >= _QUIET_SECONDS:
            self._logged_at[error.code()] = now
            log = _unreachable_log if error.code() in UNREACHABLE else _log
            log.warning("kafka: %s", error.str())


_log_error = _ErrorLog()
