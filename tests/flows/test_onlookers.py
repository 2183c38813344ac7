"""Who looks on slowly, or not at all, never slows the stream."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

SCRAPERS = 20
ENDLESS = "SELECT count(*) FROM scores a, scores b, scores c, scores d WHERE a.score + b.score + c.score < d.score"


@contextmanager
def scrapers_that_never_read(url: str) -> Iterator[None]:
    """Ask for the metrics and leave the answer where it is; one asks for half a line only."""
    host, port = re.fullmatch(r"http://(.+):(\d+)/metrics", url).groups()
    with ExitStack() as stack:
        for number in range(SCRAPERS):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            client.connect((host, int(port)))
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n" if number else b"GET /met")
        yield


@contextmanager
def an_endless_query(lake: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Let an analyst ask what takes hours, on the lake that is written."""
    program = Path(sys.executable).with_name("gillnet")
    command = ["nice", program, "sql", "--lake-dir", lake, "--timeout", "600", ENDLESS]
    query = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield query
    finally:
        query.kill()
        query.communicate()


def test_scrapers_that_never_read_and_an_endless_query_stop_nothing(new_stream: Callable[..., Any]):
    stream = new_stream()
    stream.feed(1000)
    process = stream.start()
    stream.wait_for_decisions(20)
    until = time.monotonic() + 60
    while not list(stream.settings.lake_dir.glob("scores/*/*.parquet")):
        assert time.monotonic() < until
        time.sleep(0.1)
    (url,) = re.findall(r"http://\S+/metrics", stream.banner)
    with an_endless_query(stream.settings.lake_dir) as query, scrapers_that_never_read(url):
        time.sleep(4)  # until the query is under way
        stream.feed(2000)
        stream.wait_for_decisions(100, seconds=60)
        assert query.poll() is None
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    stream.run()
    assert stream.decisions() == stream.expected()[0]
