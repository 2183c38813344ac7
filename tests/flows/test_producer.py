import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from detector.contract.errors import GillnetError
from detector.settings import Settings
from flows.broker import EmbeddedBroker, free_port
from flows.clients import BrokerUnreachableError, connect, consumer, ensure_topics, partition_counts
from flows.producer import DeliveryError, produce


def _read_all(settings: Settings, topic: str, partitions: int) -> list[tuple[bytes, bytes]]:
    client = consumer(settings)
    client.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    ended: set[int] = set()
    found = []
    while len(ended) < partitions:
        for message in client.consume(1000, 0.1):
            if message.error() is None:
                found.append((message.key(), message.value()))
            else:
                assert message.error().code() == KafkaError._PARTITION_EOF
                ended.add(message.partition())
    client.close()
    return found


def test_everything_produced_can_be_read(settings_of: Callable[..., Settings]):
    settings = settings_of()
    counts = ensure_topics(settings)
    assert counts[settings.events_topic] == 2
    batches = [[(f"a{i % 7}".encode(), f"{b}:{i}".encode()) for i in range(500)] for b in range(3)]
    seen: list[int] = []
    assert produce(settings, settings.events_topic, batches, None, seen.append) == 1500
    assert sum(seen) == 1500
    assert sorted(_read_all(settings, settings.events_topic, 2)) == sorted(m for b in batches for m in b)


def test_ensuring_topics_twice_changes_nothing(settings_of: Callable[..., Settings]):
    settings = settings_of()
    assert ensure_topics(settings) == ensure_topics(settings)


def test_a_message_the_broker_refuses_raises(settings_of: Callable[..., Settings]):
    settings = settings_of(kafka={"message.max.bytes": "2000", "message.timeout.ms": "1500"})
    stopped = settings.model_copy(update={"bootstrap_servers": f"127.0.0.1:{free_port()}"})
    with pytest.raises(DeliveryError, match="nowhere"):
        produce(stopped, "nowhere", [[(b"k", b"v")]])


def test_a_broker_that_goes_between_two_questions_is_named_too(settings_of: Callable[..., Settings], server: Any):
    settings = settings_of()
    ensure_topics(settings)
    admin, _ = connect(settings)
    with server.away(), pytest.raises(BrokerUnreachableError, match=settings.bootstrap_servers):
        partition_counts(settings, admin, (settings.events_topic,), timeout_seconds=1)


def test_an_unreachable_broker_is_named_with_what_to_do():
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(BrokerUnreachableError, match=rf"{address}.*--bootstrap-servers"):
        connect(Settings(bootstrap_servers=address), timeout_seconds=1)


def test_a_secret_never_shows_in_an_error():
    kafka = {"sasl.password": "hunter2-secret", "security.protocol": "hunter2-secret"}
    with pytest.raises(GillnetError) as caught:
        connect(Settings(kafka=kafka), timeout_seconds=1)
    assert "hunter2" not in str(caught.value)
    assert "security.protocol" in str(caught.value)


def test_the_embedded_broker_stops_with_its_block():
    with EmbeddedBroker() as broker:
        connect(Settings(bootstrap_servers=broker.bootstrap_servers), timeout_seconds=5)
    with pytest.raises(BrokerUnreachableError):
        connect(Settings(bootstrap_servers=broker.bootstrap_servers), timeout_seconds=1)


def test_a_busy_port_is_said():
    with EmbeddedBroker() as broker, pytest.raises(GillnetError, match="already in use"):
        EmbeddedBroker(broker.port).start()


def test_the_embedded_broker_dies_with_a_killed_parent():
    port = free_port()
    code = f"""if True:
        import time
        from flows.broker import EmbeddedBroker
        EmbeddedBroker({port}).start()
        print("up", flush=True)
        time.sleep(60)
    """
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    for _ in range(100):
        try:
            with EmbeddedBroker(port):
                return
        except GillnetError:
            time.sleep(0.05)
    pytest.fail("the port is still held")
