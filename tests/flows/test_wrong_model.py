"""A model that reads a feature nobody computes, given to a real run: at its start, and while it judges."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models import folder
from models.registry import add, archive, promote


@pytest.fixture
def strange(model_dir: Path, tmp_path: Path) -> Path:
    """Write a copy of a model under which one feature has another name."""
    held, text, at = folder.read_manifest(model_dir), (model_dir / folder.MODEL_TEXT).read_text(), tmp_path / "strange"
    names = ("phase_of_the_moon", *held.features[1:])
    folder.save(at, folder.manifest_of(text, names, names, held.calibration, held.thresholds, {}), text, "# card\n", {})
    return at


def test_a_start_with_it_is_refused_with_one_line(new_stream: Callable[..., Any], strange: Path):
    stream = new_stream(model_dir=strange)
    process = stream.start()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    (line,) = [line for line in errors.splitlines() if not line.startswith("{")]
    assert "phase_of_the_moon" in line


def test_a_running_stream_goes_on_with_the_champion_it_has(
    new_stream: Callable[..., Any], model_dir: Path, strange: Path, tmp_path: Path
):
    at = tmp_path / "registry"
    good, bad = add(at, model_dir, 0), add(at, strange, 0)
    archive(at, bad, 0)  # or it would be in shadow, and refused at the start too
    promote(at, good, 1)
    stream = new_stream(model_dir=None, registry_dir=at)
    stream.feed(600)
    process = stream.start()
    stream.wait_for_decisions(20)
    promote(at, bad, 2)
    assert process.stderr is not None
    said = [json.loads(process.stderr.readline())["message"]]  # waits for it
    stream.feed(600)
    stream.wait_for_decisions(20, seconds=60)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    said += [json.loads(line)["message"] for line in errors.splitlines()]
    (refused,) = [line for line in said if "refused" in line]
    assert refused.startswith("a model was refused, and whoever judged before goes on: ")
    assert "phase_of_the_moon" in refused
    decided = {json.loads(message.value())["model_version"] for message in stream.read(stream.settings.decisions_topic)}
    assert decided == {good}
