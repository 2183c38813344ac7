"""Somebody deletes a topic of a running deployment."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient


@pytest.mark.parametrize("role", ["events_topic", "decisions_topic"])
def test_a_topic_that_is_deleted_stops_the_stream_with_one_line(new_stream: Callable[..., Any], broker: str, role: str):
    stream = new_stream()
    stream.feed(600)
    process = stream.start()
    stream.wait_for_decisions(20, seconds=60)
    stream.stop_watching()  # librdkafka 2.16 crashes when a topic that it reads is deleted
    topic = getattr(stream.settings, role)
    admin = AdminClient({"bootstrap.servers": broker})
    admin.delete_topics([topic])[topic].result(10)
    _, errors = process.communicate(timeout=40)
    assert process.returncode == 1
    (line,) = [line for line in errors.splitlines() if not line.startswith("{")]
    assert f"topic {topic!r} is no longer there" in line, errors
