"""Scores are held against what was said of their accounts afterwards."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from detector.label_calibration import DAYS, LabelCalibration, label_calibration
from detector.lake import LakeWriter
from detector.sql import Lake

NEWEST = date(2026, 1, 5)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
Score = tuple[str, float, datetime, str]
Label = tuple[str, int, str, datetime]


def score(account: str, value: float, hours: float = 0, model: str = "m1") -> Score:
    return account, value, NOON + timedelta(hours=hours), model


def label(account: str, is_bot: int, hours: float = 1, source: str = "analyst") -> Label:
    return account, is_bot, source, NOON + timedelta(hours=hours)


def found(at: Path, scores: list[Score], labels: list[Label]) -> LabelCalibration | None:
    writer = LakeWriter(at, "w0")
    scored = pl.DataFrame(scores, schema=["account_id", "score", "ts", "model_version"], orient="row")
    keyed = scored.with_columns(pl.col("ts").dt.epoch("ms"), event_id=pl.format("e{}", pl.int_range(pl.len())))
    writer.add("scores", keyed)
    if labels:
        told = pl.DataFrame(labels, schema=["account_id", "label", "source", "labelled_at"], orient="row")
        writer.add("labels", told.with_columns(pl.col("labelled_at").dt.epoch("ms")))
    writer.stage(1)
    writer.publish(1)
    return label_calibration(Lake(at), NEWEST)


def test_scores_that_mean_what_they_say_have_no_error(tmp_path: Path):
    accounts = [f"a{n}" for n in range(20)]
    said = found(tmp_path, [score(a, 0.25) for a in accounts], [label(a, n % 4 == 0) for n, a in enumerate(accounts)])
    assert said == LabelCalibration(0.0, 5, 15)


def test_sure_scores_of_people_are_an_error(tmp_path: Path):
    said = found(tmp_path, [score("a", 0.9), score("b", 0.9)], [label("a", 0), label("b", 1)])
    assert said == LabelCalibration(pytest.approx(0.4), 1, 1)


def test_what_an_account_does_after_its_label_says_nothing(tmp_path: Path):
    scores = [score("a", 0.2), score("a", 1.0), score("a", 0.3, hours=2)]
    assert found(tmp_path, scores, [label("a", 1)]) == LabelCalibration(0.0, 1, 0)


def test_only_the_model_that_decides_now_is_measured(tmp_path: Path):
    scores = [score("a", 0.9, model="old"), score("b", 0.0, hours=0.5, model="new")]
    assert found(tmp_path, scores, [label("a", 0), label("b", 0)]) == LabelCalibration(0.0, 0, 1)


def test_the_most_trusted_label_counts_and_reports_are_none(tmp_path: Path):
    labels = [label("a", 1), label("a", 0, hours=2, source="import"), label("b", 1, source="report")]
    assert found(tmp_path, [score("a", 1.0), score("b", 0.0)], labels) == LabelCalibration(0.0, 1, 0)


def test_older_days_and_accounts_nobody_scored_do_not_count(tmp_path: Path):
    labels = [label("a", 0, hours=-24 * DAYS), label("unknown", 1), label("b", 0)]
    assert found(tmp_path, [score("a", 1.0, hours=-24 * DAYS - 1), score("b", 0.0)], labels) == LabelCalibration(
        0, 0, 1
    )


def test_without_labels_nothing_is_said(tmp_path: Path):
    assert found(tmp_path, [score("a", 1.0)], []) is None
