"""Old days of the lake go, and nothing else."""

import datetime
from pathlib import Path

import polars as pl

from detector.lake import LakeWriter
from detector.lake.retention import delete_old_days
from detector.lake.tables import NO_DAY

DAY_MS = 86_400_000
NOON = 1_767_614_400_000  # 2026-01-05T12:00:00Z
TODAY = datetime.date(2026, 1, 5)


def test_days_before_the_last_ones_are_deleted(tmp_path: Path):
    writer = LakeWriter(tmp_path, "w0")
    ages = range(5)
    writer.add("events", pl.DataFrame({"event_id": [f"e{a}" for a in ages], "ts": [NOON - a * DAY_MS for a in ages]}))
    writer.add("labels", pl.DataFrame({"account_id": ["a", "b"], "labelled_at": [None, NOON - 9 * DAY_MS]}))
    writer.stage(1)
    writer.publish(1)
    (tmp_path / "events" / "date=notes").mkdir()
    gone = delete_old_days(tmp_path, TODAY, 3)
    assert sorted(folder.name for folder in gone) == ["date=2025-12-27", "date=2026-01-01", "date=2026-01-02"]
    left = sorted(folder.name for folder in (tmp_path / "events").iterdir())
    assert left == ["date=2026-01-03", "date=2026-01-04", "date=2026-01-05", "date=notes"]
    assert [folder.name for folder in (tmp_path / "labels").iterdir()] == [f"date={NO_DAY}"]
    assert delete_old_days(tmp_path, TODAY, 3) == ()


def test_a_lake_that_is_not_there_yet_has_no_old_days(tmp_path: Path):
    assert delete_old_days(tmp_path / "lake", TODAY, 1) == ()
