"""Starts a real Apache Kafka (KRaft, one node, loopback) from KAFKA_HOME for the tests."""

import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from flows.broker import EmbeddedBroker, die_with_parent, free_port


@dataclass(frozen=True, slots=True)
class Tls:
    """What a broker that speaks TLS shows and trusts, and the settings of a client it lets in."""

    server: Path
    """Its key and its certificate."""
    authority: Path
    """Who signs for both sides."""
    client: dict[str, str]


def _properties(home: Path, folder: Path, client: int, controller: int, tls: Tls | None) -> Path:
    protocol = "SSL" if tls else "PLAINTEXT"
    text = (home / "config" / "server.properties").read_text()
    text += (
        f"\ncontroller.quorum.voters=1@127.0.0.1:{controller}"
        f"\nlisteners={protocol}://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}"
        f"\nadvertised.listeners={protocol}://127.0.0.1:{client}"
        f"\nlog.dirs={folder / 'logs'}\n"
    )
    if tls:
        text += (
            "inter.broker.listener.name=SSL\nlistener.security.protocol.map=SSL:SSL,CONTROLLER:PLAINTEXT\n"
            "ssl.client.auth=required\n"
            f"ssl.keystore.type=PEM\nssl.keystore.location={tls.server}\n"
            f"ssl.truststore.type=PEM\nssl.truststore.location={tls.authority}\n"
        )
    path = folder / "server.properties"
    path.write_text(text)
    return path


def _wait(process: subprocess.Popen[bytes], port: int, log: Path, client: dict[str, str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-2000:]
        with socket.socket() as probe:
            up = probe.connect_ex(("127.0.0.1", port)) == 0
        if up:
            try:
                AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0, **client}).list_topics(timeout=5)
            except KafkaException:
                continue
            return
        time.sleep(0.1)
    raise TimeoutError(log.read_text()[-2000:])


class KafkaServer:
    """A broker process on a port and folder of its own, that can be killed and comes back with what it had."""

    def __init__(self, home: Path, folder: Path, tls: Tls | None = None) -> None:
        self._home, self._log = home, folder / "server.log"
        self._client = free_port()
        self.address = f"127.0.0.1:{self._client}"
        self._properties = _properties(home, folder, self._client, free_port(), tls)
        self._as_client = tls.client if tls else {}
        self._environment = os.environ | {"KAFKA_HEAP_OPTS": "-Xmx384m", "LOG_DIR": str(folder / "server-logs")}
        # In base64, as is usual, one cluster in 64 would begin with a dash, which the command reads as an option.
        cluster = uuid.uuid4().hex[:22]
        subprocess.run(
            [home / "bin" / "kafka-storage.sh", "format", "-t", cluster, "-c", self._properties],
            check=True, env=self._environment, capture_output=True, timeout=60,
        )  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        with self._log.open("ab") as sink:
            self._process = subprocess.Popen(
                [self._home / "bin" / "kafka-server-start.sh", self._properties],
                env=self._environment, stdout=sink, stderr=sink, start_new_session=True, preexec_fn=die_with_parent(),
            )  # fmt: skip
        _wait(self._process, self._client, self._log, self._as_client)

    def kill(self) -> None:
        """Kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop it in order, or else at once."""
        try:
            self._end(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self.kill()

    def _end(self, number: int) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, number)
            self._process.wait(15)
            self._process = None

    @contextmanager
    def away(self) -> Iterator[None]:
        """Kill it, and start it again at the end."""
        self.kill()
        try:
            yield
        finally:
            self.start()


class StoppedBroker:
    """The embedded broker keeps nothing when it dies, so it is only halted: it is there, and does not answer."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.address = broker.bootstrap_servers
        self._pid = broker.pid

    @contextmanager
    def away(self) -> Iterator[None]:
        """Halt it, and let it go on at the end."""
        os.kill(self._pid, signal.SIGSTOP)
        while psutil.Process(self._pid).status() != psutil.STATUS_STOPPED:  # its threads answer until one has heard it
            time.sleep(0.01)
        try:
            yield
        finally:
            os.kill(self._pid, signal.SIGCONT)


@contextmanager
def kafka_server(home: Path, folder: Path, tls: Tls | None = None) -> Iterator[KafkaServer]:
    """Run a broker; it is stopped and forgotten at the end."""
    server = KafkaServer(home, folder, tls)
    try:
        server.start()
        yield server
    finally:
        server.stop()
