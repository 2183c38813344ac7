"""A real Prometheus (Debian: apt-get install prometheus), where there is one."""

import json
import math
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dashboards.export import PROMETHEUS_FILE, export

DEADLINE_SECONDS = 90  # kernels may have to be compiled first, on a busy machine


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Prometheus:
    """A running Prometheus, asked over its HTTP interface."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters: str) -> Any:
        """Give the data of an answer."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def values(self, expression: str) -> list[float]:
        """Give the numbers, and no NaN, that an expression has now."""
        found = (float(row["value"][1]) for row in self.get("query", query=expression)["result"])
        return [value for value in found if not math.isnan(value)]

    def ready(self) -> bool:
        """Tell whether it answers and has loaded its files."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


def _wait_until(reached: Callable[[], Any]) -> Any:
    """Ask again until the answer is true, or the time is up."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not (answer := reached()) and time.monotonic() < end:
        time.sleep(0.2)
    return answer


@pytest.fixture(scope="session")
def wait_until() -> Callable[[Callable[[], Any]], Any]:
    """Ask again until the answer is true, or the time is up."""
    return _wait_until


@pytest.fixture
def free_port() -> int:
    """Give a port on which nobody answers."""
    return _free_port()


@pytest.fixture(scope="session")
def promtool() -> str:
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("no promtool here: apt-get install prometheus")
    return path


@pytest.fixture
def scraping(tmp_path: Path) -> Callable[[str], Any]:
    """Start Prometheus with the exported settings on an endpoint, scraping every second."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("no prometheus here: apt-get install prometheus")

    @contextmanager
    def start(target: str) -> Iterator[Prometheus]:
        export(tmp_path, target)
        config = tmp_path / PROMETHEUS_FILE
        fast = "global:\n  evaluation_interval: 1s\n" + config.read_text().replace("10s", "1s")
        config.write_text(fast)
        address = f"127.0.0.1:{_free_port()}"
        process = subprocess.Popen(
            [
                str(binary),
                f"--config.file={config}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=(tmp_path / "prometheus.log").open("w"),
            env={**os.environ, "GOMAXPROCS": "1"},
        )
        try:
            prometheus = Prometheus(f"http://{address}")
            assert _wait_until(prometheus.ready), (tmp_path / "prometheus.log").read_text()
            yield prometheus
        finally:
            process.terminate()
            process.wait(timeout=20)

    return start
