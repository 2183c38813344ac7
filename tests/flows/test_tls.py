"""A broker that speaks TLS alone, and asks its clients for a certificate too."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "open-sesame-7731"
pytestmark = pytest.mark.skipif("KAFKA_HOME" not in os.environ, reason="KAFKA_HOME names no Apache Kafka")


def openssl(*args: object) -> None:
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


def authority(at: Path, name: str) -> Path:
    """Make a certificate authority; its certificate."""
    certificate = at / f"{name}.pem"
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", f"/CN={name}",
        "-keyout", at / f"{name}.key", "-out", certificate,
    )  # fmt: skip
    return certificate


def signed(at: Path, name: str) -> tuple[Path, Path]:
    """Make a key, and a certificate of the authority `ours` for it."""
    key, request, certificate, names = (at / f"{name}.{kind}" for kind in ("key", "csr", "crt", "ext"))
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
    names.write_text("subjectAltName=IP:127.0.0.1")
    openssl(
        "x509", "-req", "-days", 2, "-in", request, "-CA", at / "ours.pem", "-CAkey", at / "ours.key",
        "-CAcreateserial", "-extfile", names, "-out", certificate,
    )  # fmt: skip
    return key, certificate


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory, kafka_tools: Any) -> Iterator[tuple[str, dict[str, str], Path]]:
    """Run the broker: its address, the settings that reach it, and the certificate of somebody it does not know."""
    at = tmp_path_factory.mktemp("tls")
    ours, other = authority(at, "ours"), authority(at, "other")
    key, certificate = signed(at, "server")
    server = at / "server.pem"
    server.write_text(key.read_text() + certificate.read_text())
    key, certificate = signed(at, "client")
    locked = at / "locked.key"
    openssl("rsa", "-aes256", "-passout", f"pass:{PASSWORD}", "-in", key, "-out", locked)
    client = {
        "security.protocol": "SSL", "ssl.ca.location": str(ours), "ssl.certificate.location": str(certificate),
        "ssl.key.location": str(locked), "ssl.key.password": PASSWORD,
    }  # fmt: skip
    made = kafka_tools.Tls(server, ours, client)
    with kafka_tools.kafka_server(Path(os.environ["KAFKA_HOME"]), tmp_path_factory.mktemp("kafka"), made) as running:
        yield running.address, client, other


def doctor(at: Path, address: str, kafka: dict[str, str]) -> tuple[int, str]:
    """Ask the doctor, with the settings in a file as people have them: exit code, and all it said."""
    at.mkdir(exist_ok=True)
    lines = [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in kafka.items()]
    (at / "gillnet.toml").write_text("\n".join(["[kafka]", *lines]))
    program = Path(sys.executable).with_name("gillnet")
    command = [program, "doctor", "--bootstrap-servers", address]
    done = subprocess.run(command, cwd=at, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_a_stream_over_tls_judges_as_any_other(
    tls: tuple[str, dict[str, str], Path], new_stream: Callable[..., Any], tmp_path: Path
):
    address, client, _ = tls
    stream = new_stream(bootstrap_servers=address, kafka=client)
    stream.feed(600)
    stream.run()
    assert len(stream.expected()[0]) > 20
    assert stream.decisions() == stream.expected()[0]
    code, said = doctor(tmp_path, address, client)
    assert code == 0, said
    assert f"{address} answers" in said


def test_who_cannot_be_trusted_or_has_no_certificate_is_one_line_without_a_secret(
    tls: tuple[str, dict[str, str], Path], tmp_path: Path
):
    address, client, other = tls
    strangers = {
        "certificate verify failed": client | {"ssl.ca.location": str(other)},
        "no Kafka broker answered": {name: client[name] for name in ("security.protocol", "ssl.ca.location")},
        "Kafka settings are wrong": client | {"ssl.key.password": f"{PASSWORD}-wrong"},
    }
    for expected, settings in strangers.items():
        code, said = doctor(tmp_path, address, settings)
        (line,) = [line for line in said.splitlines() if "fail" in line]
        assert (code, expected in line) == (1, True), said
        assert PASSWORD not in said
