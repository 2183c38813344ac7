import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pytest
from confluent_kafka import TopicPartition

from detector.cli import main
from detector.contract.labels import decode_label, read_labels
from detector.settings import Settings
from detector.simulator import Simulation, load_scenario
from flows.broker import EmbeddedBroker
from flows.clients import consumer


def gillnet(*args: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", *args])
    return int(ended.value.code or 0)


def test_a_file_holds_what_the_simulation_yields(tmp_path):
    assert gillnet("--events", "500", "--seed", "3", "--output", str(tmp_path / "e.jsonl")) == 0
    lines = [line.value for line in Simulation(load_scenario("demo"), 3, 500)]
    assert (tmp_path / "e.jsonl").read_bytes().splitlines() == lines


def test_the_name_says_how_a_file_is_compressed(tmp_path):
    for name in ("e.jsonl", "e.jsonl.gz", "e.jsonl.zst"):
        assert gillnet("--events", "300", "--output", str(tmp_path / name)) == 0
    plain = (tmp_path / "e.jsonl").read_bytes()
    assert gzip.decompress((tmp_path / "e.jsonl.gz").read_bytes()) == plain
    assert pa.input_stream(str(tmp_path / "e.jsonl.zst"), compression="zstd").read() == plain


def test_a_compressed_file_is_the_same_bytes_again(tmp_path):
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        gillnet("--events", "300", "--output", str(tmp_path / name))
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl", "labels.csv.gz"])
def test_labels_read_back_one_for_each_account(tmp_path, name):
    gillnet("--events", "2000", "--output", str(tmp_path / "e.jsonl"), "--labels", str(tmp_path / name))
    labels = read_labels(tmp_path / name)
    acted = {json.loads(line)["account_id"] for line in (tmp_path / "e.jsonl").read_bytes().splitlines()}
    assert set(labels["account_id"]) == acted
    assert set(labels["label"]) == {0, 1}
    assert labels["labelled_at"].is_null().sum() == 0


def test_the_label_file_names_campaigns(tmp_path):
    gillnet("--events", "2000", "--output", str(tmp_path / "e.jsonl"), "--labels", str(tmp_path / "l.csv"))
    with (tmp_path / "l.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["account_id", "label", "family", "labelled_at", "source", "campaign"]
    assert all((row["campaign"] != "") == (row["label"] == "bot") for row in rows)


def test_the_summary_is_json_on_request(tmp_path, capsys):
    gillnet("--events", "100", "--output", str(tmp_path / "e.jsonl"), "--json")
    summary = json.loads(capsys.readouterr().out)
    assert (summary["events"], summary["synthetic"], summary["interrupted"]) == (100, True, False)


def test_a_start_moves_all_times(tmp_path):
    gillnet("--events", "10", "--start", "2024-02-29T12:00:00+01:00", "--output", str(tmp_path / "e.jsonl"))
    first = json.loads((tmp_path / "e.jsonl").read_bytes().splitlines()[0])
    assert 0 <= first["ts"] - 1_709_204_400_000 < 3_600_000


def test_help_says_what_the_data_is_not(capsys):
    gillnet("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "says nothing about what it reaches on a real platform" in text
    assert "--output events.jsonl --labels labels.csv" in text


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((), "either --output FILE or --bootstrap-servers"),
        (("--output", "e.jsonl", "--bootstrap-servers", "127.0.0.1:1"), "either --output FILE or"),
        (("--output", "e.txt"), "ending in .jsonl"),
        (("--output", "no/such/folder/e.jsonl"), "no folder"),
        (("--output", "e.jsonl", "--labels", "l.parquet"), "ending in .csv"),
        (("--output", "e.jsonl", "--rate", "5"), "--rate"),
        (("--output", "-", "--json"), "only one of"),
        (("--output", "e.jsonl", "--scenario", "nope"), "no scenario 'nope'"),
        (("--output", "e.jsonl", "--start", "tomorrow"), "--start takes 'now'"),
        (("--output", "e.jsonl", "--events", "0"), "--events"),
    ],
)
def test_wrong_usage_is_one_line_and_writes_nothing(tmp_path, monkeypatch, capsys, args, told):
    monkeypatch.chdir(tmp_path)
    assert gillnet(*args) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_ctrl_c_ends_cleanly_with_what_was_written(tmp_path):
    events, labels = tmp_path / "e.jsonl.gz", tmp_path / "l.csv"
    scenario = tmp_path / "endless.toml"
    scenario.write_text("accounts = 100\nevents = 1_000_000_000\nscale_accounts = false")
    command = [sys.executable, "-c", "from detector.cli import main; main()", "simulate"]
    command += ["--scenario", str(scenario), "--output", str(events), "--labels", str(labels)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        while not (events.exists() and events.stat().st_size > 0) and running.poll() is None:
            time.sleep(0.05)
        os.kill(running.pid, signal.SIGINT)
        error = running.communicate(timeout=30)[1]
    assert running.returncode == 0, error
    assert error.startswith("interrupted: wrote ")
    lines = gzip.decompress(events.read_bytes()).splitlines()
    assert {json.loads(line)["account_id"] for line in lines} == set(read_labels(labels)["account_id"])


def read_all(settings: Settings, topic: str) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    reader = consumer(settings)
    reader.assign([TopicPartition(topic, partition, 0) for partition in range(settings.topic_partitions)])
    ended: set[int] = set()
    while len(ended) < settings.topic_partitions:
        message = reader.poll(5.0)
        assert message is not None, "the topic stopped answering"
        if message.error():
            ended.add(message.partition())
        else:
            found.append((message.key(), message.value()))
    reader.close()
    return found


def test_kafka_gets_the_events_by_account_and_the_labels(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with EmbeddedBroker() as broker:
        address = broker.bootstrap_servers
        args = ("--events", "1500", "--rate", "5000", "--publish-labels", "--seed", "3")
        assert gillnet("--bootstrap-servers", address, *args, "--labels", "l.csv") == 0
        settings = Settings(bootstrap_servers=address)
        events, labels = read_all(settings, settings.events_topic), read_all(settings, settings.labels_topic)
    simulated = [(line.key, line.value) for line in Simulation(load_scenario("demo"), 3, 1500)]
    assert sorted(events) == sorted(simulated)
    decoded = [decode_label(value) for _, value in labels]
    assert {label.account_id for label in decoded} == {key.decode() for key, _ in events}
    assert {label.note is None for label in decoded if label.is_bot} == {False}
