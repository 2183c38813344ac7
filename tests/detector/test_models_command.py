"""``gillnet models`` keeps models and says who decides; what does not fit never gets that far."""

import json
import shutil
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from detector import cli
from features.catalogue import DEFAULT
from models import SHIPPED, default
from models.calibration import Platt
from models.folder import Threshold, manifest_of, save

STEPS = ("review", "challenge", "limit", "block")


@pytest.fixture(autouse=True)
def a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*args: str) -> object:
    with pytest.raises(SystemExit) as stop:
        cli.main(list(args))
    return stop.value.code


def told(capsys, *args: str):
    assert run("models", *args, "--json") == 0
    return json.loads(capsys.readouterr().out)


def made(at: str, names: tuple[str, ...] = DEFAULT.names[:2], slope: float = 1.0) -> str:
    x = np.random.default_rng(1).normal(size=(200, len(names)))
    params = {"objective": "binary", "verbose": -1, "num_threads": 1}
    text = lgb.train(params, lgb.Dataset(x, (x[:, 0] > 0).astype(float)), 2).model_to_string()
    thresholds = {step: Threshold(0.5, 0.01) for step in STEPS}
    manifest = manifest_of(text, names, DEFAULT.names, Platt(slope), thresholds, {})
    save(Path(at), manifest, text, "# card\n", {})
    return manifest.version


def test_a_model_is_added_promoted_and_rolled_back(capsys):
    shipped, own = default().version, made("own")
    assert told(capsys, "add", str(SHIPPED)) == {"version": shipped, "role": "challenger"}
    assert told(capsys, "add", "own", "--promote") == {"version": own, "role": "champion"}
    assert told(capsys, "promote", shipped[:6]) == {"version": shipped, "role": "champion"}
    listed = told(capsys, "list")
    assert {each["version"]: each["role"] for each in listed["models"]} == {shipped: "champion", own: "archived"}
    assert [each["action"] for each in listed["history"]] == ["add", "add", "promote", "promote"]
    assert told(capsys, "rollback") == {"version": own, "role": "champion"}
    assert told(capsys, "rollback") == {"version": None, "role": "champion"}
    assert run("models", "rollback") == 2


def test_the_list_shows_who_decides(capsys):
    assert run("models", "list") == 0
    assert "no models in registry" in capsys.readouterr().out
    own = made("own")
    assert run("models", "add", "own", "--promote") == 0
    assert f"{own} is the champion now" in capsys.readouterr().out
    assert run("models", "list") == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == [own, "champion", "2"]


def test_a_challenger_is_archived(capsys):
    own = made("own")
    assert run("models", "add", "own") == 0
    assert run("models", "archive", own) == 0
    assert f"{own} is archived now" in capsys.readouterr().out


def test_a_model_of_other_features_is_refused(capsys):
    made("strange", ("messages_count_1m", "phase_of_the_moon"))
    assert run("models", "add", "strange") == 2
    assert "does not compute: phase_of_the_moon" in capsys.readouterr().err
    assert not Path("registry").exists()


def test_a_damaged_model_is_refused(capsys):
    shutil.copytree(SHIPPED, "damaged")
    with Path("damaged/model.txt").open("a") as trees:
        trees.write("\n")
    assert run("models", "add", "damaged") == 2
    assert "copy the whole folder again" in capsys.readouterr().err


def test_a_model_the_settings_name_decides_and_that_is_said(capsys, monkeypatch):
    own = made("own")
    monkeypatch.setenv("GILLNET_MODEL_DIR", str(SHIPPED))
    assert run("models", "add", "own", "--promote") == 0
    captured = capsys.readouterr()
    assert own in captured.out
    assert "whatever the registry says" in captured.err


def test_the_champion_judges_files_too(capsys):
    own = made("own")
    Path("events.jsonl").write_text("")
    assert run("models", "add", "own", "--promote") == 0
    capsys.readouterr()
    assert run("detect", "events.jsonl", "--output", "found", "--json") == 0
    assert json.loads(capsys.readouterr().out)["model_version"] == own
