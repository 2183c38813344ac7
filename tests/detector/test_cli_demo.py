"""The demo shows the system at work and leaves nothing running, also when it is interrupted."""

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest

from detector import cli

DEMO = [sys.executable, "-c", "import detector.cli; detector.cli.main()", "demo", "--events", "2000", "--rate", "2000"]


@pytest.fixture
def mark():
    """Make a mark that every process of a demo inherits."""
    return uuid.uuid4().hex


@pytest.fixture
def environment(mark):
    return {**os.environ, "DEMO_MARK": mark, "PYTHONUNBUFFERED": "1"}


def left_running(mark):
    def marked(process):
        try:
            return process.environ().get("DEMO_MARK") == mark
        except psutil.Error:  # it has ended, or is another user's
            return False

    return [process.cmdline() for process in psutil.process_iter() if marked(process)]


def test_the_demo_runs_to_its_end(environment, mark, tmp_path):
    done = subprocess.run([*DEMO, "--json"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    counted = summary["events"]
    assert counted["read"] == 2000
    assert counted["read"] == sum(counted[part] for part in ("processed", "duplicate", "late", "dead"))
    assert sum(summary["decisions_by_verdict"].values()) == counted["decisions"]
    assert list((tmp_path / "demo" / "lake" / "events").glob("date=*/*.parquet"))
    assert left_running(mark) == []


def test_ctrl_c_stops_everything(environment, mark, tmp_path):
    with subprocess.Popen(DEMO, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert any(line.startswith("platform") for line in demo.stdout)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 130
    assert left_running(mark) == []


def test_the_demo_empties_only_a_folder_of_its_own(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(SystemExit) as stop:
        cli.main(["demo", "--dir", str(tmp_path / "mine")])
    assert stop.value.code == 2
    assert "was not made by a demo" in capsys.readouterr().err
    assert Path(tmp_path / "mine" / "letter.txt").read_text() == "dear"
