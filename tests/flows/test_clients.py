"""Kafka clients by themselves."""

import logging
import time
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from detector.settings import load_settings
from flows import clients
from flows.broker import EmbeddedBroker
from flows.clients import consumer, ensure_topics, passes


def test_a_broker_that_goes_away_is_said_once_not_thirty_times_a_second(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    # The log is the process's own: tests before this one may have said the same within the quiet time.
    monkeypatch.setattr(clients, "_log_error", clients._ErrorLog())
    with EmbeddedBroker() as own:
        settings = load_settings(bootstrap_servers=own.bootstrap_servers)
        ensure_topics(settings)
        client = consumer(settings)
        client.assign([TopicPartition(settings.events_topic, 0, 0)])
        client.consume(10, 0.5)
    with caplog.at_level(logging.WARNING):
        _consume_until(client, lambda: bool(caplog.records), seconds=60)
        _consume_until(client, lambda: False, seconds=2)
    client.close()
    assert 1 <= len(caplog.records) <= 3


@pytest.mark.parametrize(
    ("name", "goes_by"),
    [
        ("_TRANSPORT", True),
        ("_ALL_BROKERS_DOWN", True),
        ("NOT_LEADER_FOR_PARTITION", True),
        ("LEADER_NOT_AVAILABLE", True),
        ("UNKNOWN_TOPIC_OR_PART", False),
        ("TOPIC_AUTHORIZATION_FAILED", False),
        ("_AUTO_OFFSET_RESET", False),
        ("_FATAL", False),
    ],
)
def test_what_a_broker_that_restarts_causes_goes_by_and_nothing_else_does(name: str, goes_by: bool):
    assert passes(KafkaError(getattr(KafkaError, name))) is goes_by


def test_an_interrupt_while_a_client_is_made_is_an_interrupt():
    def interrupted(_: dict[str, object]) -> None:
        raise TypeError(
            "expected configuration property name as type unicode string"
        )  # what confluent_kafka makes of it

    with pytest.raises(KeyboardInterrupt):
        clients._made(load_settings(), interrupted, {})


def _consume_until(client: Consumer, done: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not done():
        client.consume(10, 0.1)
