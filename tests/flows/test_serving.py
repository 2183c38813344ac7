"""A running stream takes up another model by itself, between two batches, and refuses one that does not fit."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from detector.comparison import Compared, compare
from detector.contract.events import EVENT_SCHEMA
from detector.engine import AccountShard
from detector.policy import Policy, policy_from
from detector.settings import Settings
from detector.shard_batch import whole
from detector.sql import Lake
from features.catalogue import DEFAULT
from features.intake import Intake
from features.specialise import specialise
from flows import metrics
from flows.lake_rows import frames
from flows.serving import Serving
from models import default, folder, registry
from models.registry import POINTER, add, archive, promote, rollback

TAKEN_UP_SECONDS = 5.0
kill = psutil.Process.kill
NewStream = Callable[..., Any]


@pytest.fixture
def serving(tmp_path: Path, model_dir: Path, crowd_model_dir: Path) -> Any:
    """Make what serves a stream: its folder, its two models by version, and how to make it anew."""

    class Made:
        folder = tmp_path / "registry"
        one, other = (add(tmp_path / "registry", path, 0) for path in (model_dir, crowd_model_dir))

        def __call__(self, **more: object) -> Serving:
            return Serving(Settings(registry_dir=self.folder, **more), DEFAULT)

    made = Made()
    for version in (made.one, made.other):
        archive(made.folder, version, 0)
    return made


def champion(serving: Serving) -> str:
    return serving.judges().champion.version


def test_without_a_champion_the_model_that_ships_decides(serving):
    assert champion(serving()) == default().version


def test_promotion_and_rollback_are_taken_up_when_looked_for(serving):
    running = serving()
    assert not running.look()
    promote(serving.folder, serving.one, 1)
    assert running.look()
    assert champion(running) == serving.one
    promote(serving.folder, serving.other, 2)
    running.look()
    assert champion(running) == serving.other
    rollback(serving.folder, 3)
    running.look()
    assert champion(running) == serving.one
    rollback(serving.folder, 3)
    running.look()
    assert champion(running) == default().version


def test_the_policy_comes_with_its_model(serving):
    running = serving()
    promote(serving.folder, serving.one, 1)
    running.look()
    assert running.judges().policy.thresholds == (0.2, 0.4, 0.6, 0.8)


def test_challengers_come_and_go(serving, model_dir):
    running = serving()
    add(serving.folder, model_dir, 1)
    running.look()
    assert [each.version for each in running.judges().challengers] == [serving.one]
    archive(serving.folder, serving.one, 2)
    running.look()
    assert running.judges().challengers == ()


def test_a_model_the_settings_name_stays_whatever_the_registry_says(serving, model_dir, crowd_model_dir):
    promote(serving.folder, serving.one, 1)
    running = serving(model_dir=crowd_model_dir)
    assert champion(running) == serving.other
    promote(serving.folder, serving.other, 2)
    promote(serving.folder, serving.one, 3)
    add(serving.folder, model_dir, 4)
    running.look()
    assert champion(running) == serving.other


def damage(path: Path) -> None:
    trees = path / folder.MODEL_TEXT
    trees.write_text(trees.read_text().replace("leaf_value=", "leaf_value=1", 1))


def strange(path: Path, at: Path) -> str:
    """Write a copy of a model that reads a feature nobody computes."""
    held, text = folder.read_manifest(path), (path / folder.MODEL_TEXT).read_text()
    names = ("phase_of_the_moon", *held.features[1:])
    manifest = folder.manifest_of(text, names, names, held.calibration, held.thresholds, {})
    folder.save(at, manifest, text, "# card\n", {})
    return manifest.version


def refusals() -> float:
    return metrics.MODELS_REFUSED._value.get()


@pytest.mark.parametrize("how", ["damaged", "strange", "gone", "pointer"])
def test_what_does_not_fit_is_refused_once_and_the_champion_stays(serving, model_dir, tmp_path, how, caplog):
    promote(serving.folder, serving.one, 1)
    running = serving()
    before, said = refusals(), len(caplog.records)
    if how == "pointer":
        (serving.folder / POINTER).write_text("{")
    elif how == "strange":
        version = strange(model_dir, tmp_path / "strange")
        add(serving.folder, tmp_path / "strange", 2)
        archive(serving.folder, version, 3)
        promote(serving.folder, version, 4)
    else:
        promote(serving.folder, serving.other, 2)
        path = registry.model_path(serving.folder, serving.other)
        damage(path) if how == "damaged" else shutil.rmtree(path)
    running.look()
    running.look()
    assert champion(running) == serving.one
    assert refusals() == before + 1
    (line,) = [r.getMessage() for r in caplog.records[said:] if r.levelname == "ERROR"]
    assert line.startswith("a model was refused, and whoever judged before goes on: ")


def test_at_a_start_the_last_champion_that_fits_decides(serving):
    promote(serving.folder, serving.one, 1)
    promote(serving.folder, serving.other, 2)
    damage(registry.model_path(serving.folder, serving.other))
    assert champion(serving()) == serving.one


def test_a_challenger_that_does_not_fit_is_left_out(serving, model_dir):
    add(serving.folder, model_dir, 1)
    damage(registry.model_path(serving.folder, serving.one))
    running = serving()
    assert running.judges().challengers == ()
    assert champion(running) == default().version


def test_the_models_of_a_worker_change_between_two_batches_and_rows_say_which_it_was(serving):
    running = serving()
    events = pl.DataFrame(
        [{"event_id": f"e{n}", "type": "login", "account_id": "a", "ts": 1_767_571_200_000 + n} for n in range(4)],
        schema=EVENT_SCHEMA,
    )
    intake, first = Intake(specialise(DEFAULT).plan, 3_600_000), running.judges()
    shard = AccountShard(DEFAULT, first.champion.model, first.policy, 3_600_000)
    results = []
    for half in (events[:2], events[2:]):
        shard.use(running.judges())
        results.append(shard.process(whole(intake.process(half)), -(2**60), None))
        promote(serving.folder, serving.one, 1)
        add(serving.folder, serving.folder / serving.other, 2)
        running.look()
    rows = frames(results, DEFAULT.names)
    assert rows["scores"]["model_version"].to_list() == [default().version] * 2 + [serving.one] * 2
    assert rows["shadow_scores"].select("event_id", "model_version").rows() == [
        ("e2", serving.other),
        ("e3", serving.other),
    ]
    assert rows["events"]["event_id"].to_list() == ["e0", "e1", "e2", "e3"]


def running_policy(settings: Settings, version: str) -> Policy:
    return policy_from(settings, registry.load_version(settings.registry_dir, version).thresholds)


def versions(stream: Any) -> list[str]:
    """Read which models made the decisions, in the order of the topic."""
    messages = sorted(stream.read(stream.settings.decisions_topic), key=lambda m: m.timestamp()[1])
    return [json.loads(message.value())["model_version"] for message in messages]


def wait_for_decisions_of(stream: Any, version: str) -> float:
    """Feed until that model decides; how many seconds it took."""
    started = time.monotonic()
    while version not in versions(stream):
        assert time.monotonic() < started + 60, f"{version} never decided"
        stream.feed(100)
    return time.monotonic() - started


def test_a_running_stream_takes_up_promotion_and_rollback_on_every_worker_and_loses_nothing(
    new_stream: NewStream, model_dir: Path, crowd_model_dir: Path, tmp_path: Path
):
    at = tmp_path / "registry"
    one, other = (add(at, path, 0) for path in (model_dir, crowd_model_dir))
    promote(at, one, 1)
    stream = new_stream(model_dir=None, registry_dir=at)
    stream.feed(1000)
    process = stream.start("--workers", "2")
    wait_for_decisions_of(stream, one)
    promote(at, other, 2)
    time.sleep(TAKEN_UP_SECONDS)
    before = len(versions(stream))
    stream.feed(1500)
    wait_for_decisions_of(stream, other)
    assert set(versions(stream)[before:]) == {other}
    rollback(at, 3)
    time.sleep(TAKEN_UP_SECONDS)
    before = len(versions(stream))
    stream.feed(1500)
    stream.wait_for_decisions(before + 20)
    assert set(versions(stream)[before:]) == {one}
    process.terminate()
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    counted = json.loads(out)
    add(at, crowd_model_dir, 4)
    stream.feed(1000)
    rest = stream.run("--workers", "2")
    assert counted["read"] + rest["read"] == len(stream.sent)
    lake = pl.read_parquet(stream.settings.lake_dir / "scores" / "**" / "*.parquet")
    assert len(lake) == counted["processed"] + rest["processed"]
    assert set(lake["model_version"]) == {one, other}
    pair = [Compared(each, running_policy(stream.settings, each)) for each in (one, other)]
    compared = compare(Lake(stream.settings.lake_dir), *pair, days=7)
    assert rest["processed"] <= compared.events < len(lake)
    assert f"model {other} decides from now on, and no longer {one}" in errors


def test_a_crash_right_after_a_promotion_takes_nothing_back(
    new_stream: NewStream, model_dir: Path, crowd_model_dir: Path, tmp_path: Path
):
    """What the replay judges by the new model never follows what the old one published of later or the same events."""
    at = tmp_path / "registry"
    one, other = (add(at, path, 0) for path in (model_dir, crowd_model_dir))
    promote(at, one, 1)
    stream = new_stream(model_dir=None, registry_dir=at, epoch_seconds=2.0)
    stream.feed(1000)
    process = stream.start()
    wait_for_decisions_of(stream, one)
    for promoted in (other, one, other):
        stream.feed(400)
        stream.wait_for_decisions(1)
        promote(at, promoted, 2)
        kill(stream.workers(process)[0])
        wait_for_decisions_of(stream, promoted)
    process.terminate()
    process.communicate(timeout=60)
    stream.run()
    messages = stream.read(stream.settings.decisions_topic)
    decisions = [json.loads(m.value()) for m in sorted(messages, key=lambda m: (m.partition(), m.offset()))]
    assert len({d["decision_id"] for d in decisions}) == len(decisions)
    assert {d["model_version"] for d in decisions} == {one, other}
    last: dict[str, tuple[str, str | None]] = {}
    for decision in decisions:
        before = last.get(decision["account_id"], ("", None))
        assert decision["event_ts"] >= before[0]
        assert decision["event_id"] is None or decision["event_id"] != before[1]
        last[decision["account_id"]] = decision["event_ts"], decision["event_id"]
