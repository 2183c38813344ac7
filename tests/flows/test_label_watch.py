"""The launcher tells how scores agree with labels, and goes on where it cannot."""

import queue
import urllib.request
from pathlib import Path

import polars as pl
import pytest

from detector.label_calibration import LabelCalibration
from detector.lake import LakeWriter
from detector.settings import Settings
from flows.label_watch import LabelWatch
from flows.metrics_endpoint import serve

NOON = 1_767_614_400_000


def first_told(lake_dir: Path) -> LabelCalibration | None:
    told: queue.Queue[LabelCalibration | None] = queue.Queue()
    with LabelWatch(lake_dir, told.put, every_seconds=0.01):
        return told.get(timeout=60)


def written(lake_dir: Path) -> Path:
    writer, keys = LakeWriter(lake_dir, "w0"), {"account_id": ["a", "b"]}
    scores = keys | {"event_id": ["e1", "e2"], "ts": [NOON, NOON], "score": [0.75, 0.25], "model_version": "m"}
    writer.add("scores", pl.DataFrame(scores))
    writer.add("labels", pl.DataFrame(keys | {"label": [1, 0], "labelled_at": NOON + 1, "source": "analyst"}))
    writer.stage(1)
    writer.publish(1)
    return lake_dir


def test_the_lake_of_a_stream_is_measured_and_exported_without_ids(tmp_path: Path):
    said = first_told(written(tmp_path))
    assert said == LabelCalibration(0.25, 1, 1)
    endpoint = serve(Settings(metrics_port=0))
    try:
        endpoint.labels_say(said)
        with urllib.request.urlopen(endpoint.url, timeout=10) as page:
            text = page.read().decode()
        endpoint.labels_say(None)
        with urllib.request.urlopen(endpoint.url, timeout=10) as page:
            assert b"calibration" not in page.read()
    finally:
        endpoint.stop()
    assert "gillnet_calibration_error 0.25" in text
    assert 'gillnet_calibration_accounts{label="bot"} 1.0' in text
    assert 'gillnet_calibration_accounts{label="human"} 1.0' in text


def test_before_there_are_scores_nothing_is_said(tmp_path: Path):
    assert first_told(tmp_path) is None


def test_a_lake_that_cannot_be_read_is_said_and_does_not_end_it(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    for file in written(tmp_path).glob("scores/*/*.parquet"):
        file.write_bytes(b"no parquet")
    assert first_told(tmp_path) is None
    assert "labels were not compared with scores" in caplog.text
