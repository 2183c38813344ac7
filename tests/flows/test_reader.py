"""The worker's consumer."""

from __future__ import annotations

import time

from confluent_kafka import Producer

from detector.settings import load_settings
from flows.broker import EmbeddedBroker
from flows.clients import client_config, ensure_topics
from flows.reader import Reader

BATCHES = 4000


def test_a_topic_of_many_small_batches_is_read_to_its_end_though_the_broker_gives_up_looking() -> None:
    with EmbeddedBroker() as broker:
        settings = load_settings(
            bootstrap_servers=broker.bootstrap_servers, topic_partitions=1, fetch_wait_ms=1, batch_events_max=100
        )
        ensure_topics(settings)
        small = Producer(client_config(settings) | {"batch.num.messages": 1, "linger.ms": 0})
        for number in range(BATCHES):
            small.produce(settings.events_topic, str(number).encode(), partition=0)
        small.flush(60)
        reader, values, until = Reader(settings, tell_ends=False), list[bytes](), time.monotonic() + 60
        reader.add(0, None)
        while len(values) < BATCHES and time.monotonic() < until:
            values += [message.value() or b"" for message in reader.take(0)]
            time.sleep(0.001)
        reader.close()
    assert values == [str(number).encode() for number in range(BATCHES)]
