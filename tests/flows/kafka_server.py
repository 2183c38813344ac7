"""Starts a real Apache Kafka (KRaft, one node, loopback) from KAFKA_HOME for the tests."""

import base64
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from flows.broker import die_with_parent, free_port


def _properties(home: Path, folder: Path, client: int, controller: int) -> Path:
    text = (home / "config" / "server.properties").read_text()
    text += (
        f"\ncontroller.quorum.voters=1@127.0.0.1:{controller}"
        f"\nlisteners=PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}"
        f"\nadvertised.listeners=PLAINTEXT://127.0.0.1:{client}"
        f"\nlog.dirs={folder / 'logs'}\n"
    )
    path = folder / "server.properties"
    path.write_text(text)
    return path


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-2000:]
        with socket.socket() as probe:
            up = probe.connect_ex(("127.0.0.1", port)) == 0
        if up:
            try:
                AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0}).list_topics(timeout=5)
            except KafkaException:
                continue
            return
        time.sleep(0.1)
    raise TimeoutError(log.read_text()[-2000:])


@contextmanager
def kafka_server(home: Path, folder: Path) -> Iterator[str]:
    """Run a broker and give its address; it is stopped and forgotten at the end."""
    client, controller = free_port(), free_port()
    properties = _properties(home, folder, client, controller)
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    environment = os.environ | {"KAFKA_HEAP_OPTS": "-Xmx384m", "LOG_DIR": str(folder / "server-logs")}
    log = folder / "server.log"
    with log.open("wb") as sink:
        subprocess.run(
            [home / "bin" / "kafka-storage.sh", "format", "-t", cluster, "-c", properties],
            check=True, env=environment, stdout=sink, stderr=sink, timeout=60,
        )  # fmt: skip
        process = subprocess.Popen(
            [home / "bin" / "kafka-server-start.sh", properties],
            env=environment, stdout=sink, stderr=sink, start_new_session=True, preexec_fn=die_with_parent(),
        )  # fmt: skip
    try:
        _wait(process, client, log)
        yield f"127.0.0.1:{client}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
