"""The doctor finds what is wrong, says what to do, and changes nothing."""

import json
import logging
import shutil
from pathlib import Path

import pytest

from detector import cli
from detector.cli.checks import Finding, Level, examine
from detector.settings import Settings
from flows.broker import EmbeddedBroker, free_port
from flows.clients import ensure_topics
from flows.producer import produce
from flows.reader import Reader
from flows.state import locked, open_deployment
from models import SHIPPED, registry


def run(*args):
    with pytest.raises(SystemExit) as stop:
        cli.main(list(args))
    return stop.value.code


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Keep gillnet.toml and relative paths out of the way."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker() as running:
        yield running.bootstrap_servers


def findings(settings: Settings) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in examine(settings):
        found.setdefault(finding.check, []).append(finding)
    return found


def test_all_is_well_with_a_broker_and_its_topics(broker, capsys):
    ensure_topics(Settings(bootstrap_servers=broker))
    assert run("doctor", "--bootstrap-servers", broker, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {finding["check"] for finding in found} >= {"settings", "model", "state", "lake", "disk", "broker", "topics"}
    assert [finding for finding in found if finding["level"] == "fail"] == []


def test_brackets_and_colons_are_shown_as_they_are(capsys, monkeypatch):
    """Rich would take them for styles and pictures: in ``pip install 'gillnet[text]'`` too."""
    monkeypatch.setenv("GILLNET_LAKE_DIR", "lake[text]:key:")
    run("doctor", "--bootstrap-servers", f"127.0.0.1:{free_port()}")
    assert "lake[text]:key: will be made" in capsys.readouterr().out


def test_without_a_broker_it_fails_and_says_what_to_do(capsys):
    assert run("doctor", "--bootstrap-servers", f"127.0.0.1:{free_port()}") == 1
    shown = capsys.readouterr().out
    assert "fail  broker" in shown
    assert "→ start it" in shown


def test_it_leaves_the_log_as_it_was():
    logger = logging.getLogger("flows")
    before = logger.level
    run("doctor", "--bootstrap-servers", f"127.0.0.1:{free_port()}")
    assert logger.level == before != logging.CRITICAL


def test_a_topic_that_is_missing_is_a_warning(broker):
    found = findings(Settings(bootstrap_servers=broker, events_topic="not-made-yet"))
    assert found["topics"][0].level is Level.WARN
    assert found["topics"][0].found == "not-made-yet (events) does not exist"


def test_state_that_does_not_fit_the_settings_fails(broker):
    settings = Settings(bootstrap_servers=broker)
    with locked(settings.state_dir):
        open_deployment(settings, ensure_topics(settings))
        assert "in use by process" in findings(settings)["state"][-1].found
    assert "not in use" in findings(settings)["state"][-1].found
    worst = findings(settings.model_copy(update={"shards": 8}))["state"][-1]
    assert worst.level is Level.FAIL
    assert "shards" in worst.found + (worst.advice or "")


def test_a_variable_that_sets_nothing_is_a_warning(broker, monkeypatch):
    monkeypatch.setenv("GILLNET_WORKRES", "2")
    found = findings(Settings(bootstrap_servers=broker))["settings"]
    assert [f.level for f in found] == [Level.OK, Level.WARN]


def test_a_model_that_cannot_be_loaded_fails(broker):
    assert findings(Settings(bootstrap_servers=broker, model_dir=Path("nowhere")))["model"][0].level is Level.FAIL


def test_a_champion_that_is_damaged_fails_and_a_challenger_is_a_warning(broker):
    settings = Settings(bootstrap_servers=broker)
    version = registry.add(settings.registry_dir, SHIPPED, 0)
    assert [f.found for f in findings(settings)["model"]][1:] == [f"{version} in shadow"]
    with (registry.model_path(settings.registry_dir, version) / "model.txt").open("a") as trees:
        trees.write("more")
    assert [f.level for f in findings(settings)["model"]] == [Level.OK, Level.WARN]
    pointer = settings.registry_dir / registry.POINTER
    pointer.write_text(pointer.read_text().replace('"champions": []', f'"champions": ["{version}"]'))
    assert findings(settings)["model"][0].level is Level.FAIL
    pointer.write_text("{")
    assert [f.level for f in findings(settings)["model"]] == [Level.FAIL, Level.FAIL]


def test_a_broken_file_in_the_lake_fails_and_is_named(broker):
    day = Path("lake/events/date=2026-01-05")
    day.mkdir(parents=True)
    (day / "part-0.parquet").write_bytes(b"PAR1 and nothing more")
    worst = findings(Settings(bootstrap_servers=broker))["lake"][-1]
    assert worst.level is Level.FAIL
    assert "part-0.parquet" in (worst.advice or "")


def test_a_lake_that_is_no_folder_fails(broker):
    Path("lake").write_text("a file")
    assert findings(Settings(bootstrap_servers=broker))["lake"][0].level is Level.FAIL


def test_events_that_are_no_longer_there_fail(broker):
    """The group was told of an offset the topic does not hold: it was made anew, or its events were deleted."""
    settings = Settings(bootstrap_servers=broker, consumer_group="doctor-offsets", events_topic="doctor-events")
    partitions = ensure_topics(settings)
    with locked(settings.state_dir):
        open_deployment(settings, partitions)
    assert findings(settings)["offsets"][0].level is Level.OK
    reader = Reader(settings, tell_ends=False)
    reader.add(0, None)
    reader.commit({0: 5000}, wait=True)
    reader.close()
    (worst,) = findings(settings)["offsets"]
    assert worst.level is Level.FAIL
    assert worst.found == "doctor-events/0 holds 0 to 0, and 5000 comes next"
    assert "--state-dir" in (worst.advice or "")


def test_events_that_came_in_one_batch_and_were_all_read_are_no_fault(broker):
    """Of its last batch the embedded broker tells only where the first message is."""
    settings = Settings(bootstrap_servers=broker, consumer_group="doctor-batch", events_topic="doctor-batch")
    partitions = ensure_topics(settings)
    with locked(settings.state_dir):
        open_deployment(settings, partitions)
    produce(settings, settings.events_topic, [[(b"same key", b"{}")] * 50])
    reader = Reader(settings, tell_ends=True)
    for part in range(partitions[settings.events_topic]):
        reader.add(part, None)
    ends: dict[int, int] = {}
    while sum(ends.values()) < 50:
        for part in range(partitions[settings.events_topic]):
            for message in reader.take(part):
                ends[part] = message.offset() + 1
    reader.commit(ends, wait=True)
    reader.close()
    assert [found.level for found in findings(settings)["offsets"]] == [Level.OK]


@pytest.mark.parametrize("fault", ["changed", "cut short"])
def test_a_model_file_that_was_tampered_with_fails(broker, tmp_path, fault):
    folder = tmp_path / "model"
    shutil.copytree(SHIPPED, folder)
    trees = folder / "model.txt"
    content = trees.read_bytes()
    trees.write_bytes(content[: len(content) // 2] if fault == "cut short" else content.replace(b"0.1", b"0.9", 1))
    worst = findings(Settings(bootstrap_servers=broker, model_dir=folder))["model"][0]
    assert worst.level is Level.FAIL
    assert "sha256" in worst.found
