"""A challenger is trained from the lake when enough new labels came, and trusts whom it should."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from detector import cli
from detector.contract.events import EVENT_SCHEMA
from detector.histories import Recipe
from detector.lake import LakeWriter
from detector.retraining import retrain, teaching
from detector.settings import Settings
from detector.sql import Lake
from models import default, registry
from models.folder import read_manifest
from models.training import Options

START = 1_767_571_200_000
DAY_MS = 86_400_000
BOTS, HUMANS = 20, 50
RECIPE = Recipe(features=("gap_*", "messages_count_*"), options=Options(rounds=8, resamples=3))


def platform() -> pl.DataFrame:
    """Make bots that write every few seconds and humans that take minutes; two humans report the last five bots."""
    rng, rows = np.random.default_rng(0), []
    for number in range(BOTS + HUMANS):
        at = START + number * 600_000
        for _ in range(int(rng.integers(8, 20))):
            at += int(rng.exponential(4_000 if number < BOTS else 200_000)) + 1
            rows.append(("message", f"a{number:03}", None, at))
    rows += [("report", f"a{BOTS + r:03}", f"a{bot:03}", START + DAY_MS + bot) for r in range(2) for bot in range(BOTS)]
    schema = {"type": pl.String, "account_id": pl.String, "target_id": pl.String, "ts": pl.Int64}
    frame = pl.DataFrame(rows, schema, orient="row").sort("ts")
    frame = frame.with_row_index("n").with_columns(event_id=pl.format("e{}", "n"), offset=pl.col("n").cast(pl.Int64))
    empty = [pl.lit(None, kind).alias(name) for name, kind in EVENT_SCHEMA.items() if name not in frame.columns]
    placed = frame.with_columns(*empty, outcome=pl.lit("processed"), arrived_at="ts", partition=pl.lit(0, pl.Int32))
    return placed.drop("n")


def label(account: int, is_bot: bool, at: int, source: str = "analyst") -> tuple[object, ...]:
    return f"a{account:03}", int(is_bot), START + at, source


class Written:
    """A lake that more is written to."""

    def __init__(self, at: Path) -> None:
        self.dir, self.epoch = at, 0
        self.write("events", platform())

    def write(self, table: str, frame: pl.DataFrame) -> None:
        self.epoch += 1
        writer = LakeWriter(self.dir, "0a1b2c3d.0")
        writer.add(table, frame)
        writer.stage(self.epoch)
        writer.publish(self.epoch)

    def label(self, *rows: tuple[object, ...]) -> None:
        names = ["account_id", "label", "labelled_at", "source"]
        self.write("labels", pl.DataFrame(rows, schema=names, orient="row"))


@pytest.fixture
def lake(tmp_path: Path) -> Written:
    """Make a lake whose analysts know all humans and, two days later, all bots but the last five."""
    written = Written(tmp_path / "lake")
    bots = [label(n, is_bot=True, at=2 * DAY_MS + n) for n in range(BOTS - 5)]
    written.label(*bots, *(label(BOTS + n, is_bot=False, at=2 * DAY_MS) for n in range(HUMANS)))
    return written


def settings_of(lake: Written) -> Settings:
    return Settings(lake_dir=lake.dir, registry_dir=lake.dir.parent / "registry")


def retrained(lake: Written, needed: int = 10):
    return retrain(Lake(lake.dir), settings_of(lake), RECIPE, needed, 90, 0, lambda _, __: None)


def test_analysts_teach_and_credible_reporters_add_what_analysts_have_not_seen(lake):
    learned = teaching(Lake(lake.dir))
    by_reports = learned.labels.filter(pl.col("source") == "report")
    assert by_reports["account_id"].to_list() == [f"a{n:03}" for n in range(BOTS - 5, BOTS)]
    assert by_reports["weight"].max() < 1
    assert learned.labels.filter(pl.col("source") == "analyst")["weight"].unique().to_list() == [1.0]
    assert learned.counts["reports"] == 2 * BOTS
    assert learned.counts["reporters_credible"] == 2


def test_an_appeal_that_is_later_wins_and_the_rest_is_counted_as_superseded(lake):
    lake.label(label(3, is_bot=False, at=3 * DAY_MS, source="appeal"), label(4, is_bot=False, at=9, source="import"))
    learned = teaching(Lake(lake.dir))
    known = dict(learned.labels.select("account_id", "label").iter_rows())
    assert (known["a003"], known["a004"]) == (0, 1)
    assert learned.counts["labels_superseded"] == 2


def test_labels_that_are_reports_are_weighed_by_who_made_them(lake):
    rows = pl.DataFrame(
        {
            "account_id": ["stranger"] * 300,
            "label": [1] * 300,
            "labelled_at": [START + n for n in range(300)],
            "source": ["report"] * 300,
            "note": ["reporter a020"] * 100 + ["reporter a021"] * 100 + [None] * 100,
        }
    )
    lake.write("labels", rows)
    learned = teaching(Lake(lake.dir))
    assert learned.labels.filter(pl.col("account_id") == "stranger")["source"].to_list() == ["report"]
    assert learned.counts["reports_repeated"] == 300 - 3


def test_a_challenger_is_trained_and_waits_in_the_registry(lake):
    done = retrained(lake)
    assert done.trained is not None
    assert done.trained.test.auc > 0.9
    assert (done.champion, done.new_labels) == (default().version, BOTS + HUMANS)
    kept = registry.read_registry(settings_of(lake).registry_dir)
    assert (kept.champion, kept.challengers) == (None, (done.trained.version,))
    training = read_manifest(registry.model_path(settings_of(lake).registry_dir, done.trained.version)).training
    assert (training["labelled_accounts"], training["bots"]) == (BOTS + HUMANS, BOTS)
    assert training["labels"]["bots_by_reports"] == 5
    assert training["labels_until"] == "2026-01-07T00:00:00.014Z"
    assert not list(settings_of(lake).registry_dir.glob(".retrain-*"))


def test_only_labels_that_came_since_the_champions_count_as_new(lake):
    done = retrained(lake)
    registry.promote(settings_of(lake).registry_dir, done.trained.version, 1)
    again = retrained(lake, needed=1)
    assert (again.new_labels, again.trained) == (0, None)
    lake.label(label(17, is_bot=True, at=4 * DAY_MS))
    more = retrained(lake, needed=1)
    assert (more.new_labels, more.champion) == (1, done.trained.version)
    assert more.trained.version != done.trained.version


def test_a_label_of_little_weight_teaches_little(lake):
    """What reports say of an account moves the model less than what an analyst says of it."""
    by_reports = retrained(lake)
    lake.label(*(label(n, is_bot=True, at=2 * DAY_MS + 14) for n in range(BOTS - 5, BOTS)))
    by_analysts = retrained(lake)
    assert by_analysts.counts["bots_by_reports"] == 0
    assert by_analysts.trained.accounts == by_reports.trained.accounts
    assert by_analysts.trained.version != by_reports.trained.version


def test_the_command_trains_when_there_is_enough_and_says_so(lake, monkeypatch, capsys):
    monkeypatch.chdir(lake.dir.parent)

    def run(*args: str) -> object:
        with pytest.raises(SystemExit) as stop:
            cli.main(["retrain", *args])
        return stop.value.code

    assert run("--new-labels", "1000") == 0
    shown = capsys.readouterr().out
    assert "nothing trained" in shown
    assert "40 reports by 2 reporters, 2 of them credible: 5 more bots" in shown
    assert run("--new-labels", "10", "--rounds", "3", "--json") == 0
    done = json.loads(capsys.readouterr().out)
    assert registry.read_registry(Path("registry")).challengers == (done["trained"]["version"],)


def test_without_a_lake_it_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        cli.main(["retrain"])
    assert stop.value.code == 2
    assert "no lake in" in capsys.readouterr().err
