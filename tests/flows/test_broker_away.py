"""The broker goes away while the stream runs, and comes back. AWAY_SECONDS says for how long."""

import os
import re
import signal
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

AWAY_SECONDS = float(os.environ.get("AWAY_SECONDS", "10"))


def broker_up(stream: Any) -> float:
    (url,) = re.findall(r"http://\S+/metrics", stream.banner)
    with urllib.request.urlopen(url, timeout=10) as page:
        (value,) = re.findall(rb"^gillnet_broker_up (\S+)$", page.read(), re.MULTILINE)
    return float(value)


def wait_until_up(stream: Any) -> None:
    deadline = time.monotonic() + 60
    while broker_up(stream) != 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def stopped(process: Any) -> list[str]:
    """Stop it in order; what it had logged."""
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=90)
    assert process.returncode == 0, errors
    return errors.splitlines()


def test_the_stream_waits_for_a_broker_that_is_away_and_goes_on_when_it_is_back(
    new_stream: Callable[..., Any], server: Any
):
    """It is said once, and shown; nothing is lost or doubled, and no process is the worse for it."""
    stream = new_stream()
    stream.feed(3000)
    process = stream.start("--workers", "2")
    stream.wait_for_decisions(20)
    with server.away():
        time.sleep(AWAY_SECONDS)
        assert broker_up(stream) == 0
        assert process.poll() is None
    wait_until_up(stream)
    stream.feed(1000)
    stream.wait_for_decisions(20)
    lines = stopped(process)
    assert sum("does not answer" in line for line in lines) == 1, lines
    assert sum("answers again" in line for line in lines) == 1, lines
    stream.run()
    assert stream.decisions() == stream.expected()[0]


def test_workers_that_die_meanwhile_start_again_when_it_is_back(new_stream: Callable[..., Any], server: Any):
    stream = new_stream()
    stream.feed(1000)
    process = stream.start()
    stream.wait_for_decisions(20)
    with server.away():
        stream.workers(process)[0].kill()
        time.sleep(AWAY_SECONDS)
        assert process.poll() is None
        assert stream.workers(process) == []
    stream.feed(1000)
    stream.wait_for_decisions(20)
    stopped(process)
    stream.run()
    assert stream.decisions() == stream.expected()[0]


def test_a_stop_is_heard_while_the_broker_is_away(new_stream: Callable[..., Any], server: Any):
    stream = new_stream()
    stream.feed(1000)
    process = stream.start()
    stream.wait_for_decisions(20)
    with server.away():
        stream.workers(process)[0].kill()
        threading.Timer(3, process.send_signal, [signal.SIGTERM]).start()
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "while the broker was away" in errors
    stream.run()
    assert stream.decisions() == stream.expected()[0]
