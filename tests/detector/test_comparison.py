"""A challenger is compared on what both have scored, by the thresholds of each."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector import cli
from detector.comparison import Compared, compare
from detector.contract.labels import LABELS_SCHEMA
from detector.lake import LakeWriter
from detector.policy import Policy
from detector.sql import Lake
from detector.trusted import trusted_labels

NOON = 1_767_614_400_000
DAY_MS = 86_400_000
CUTS = (0.3, 0.5, 0.7, 0.9)


def model(version: str, thresholds: tuple[float, float, float, float] = CUTS, events_min: int = 2) -> Compared:
    return Compared(version, Policy(thresholds, (1, 1, 1, 1), events_min, shadow=False))


def lake(at: Path, rows: list[tuple[str, float, float]], labels: list[tuple] = (), **more: list[int]) -> Lake:
    """Write scores of the models ``old`` and ``new``: account, and what each said, event by event."""
    ts = more.get("ts", [NOON + n for n in range(len(rows))])
    keys = {"event_id": [f"e{n}" for n in range(len(rows))], "account_id": [row[0] for row in rows], "ts": ts}
    writer = LakeWriter(at, "w0")
    for table, version, place in (("scores", "old", 1), ("shadow_scores", "new", 2)):
        frame = pl.DataFrame(keys | {"score": [row[place] for row in rows], "model_version": version})
        writer.add(table, frame)
    if labels:
        frame = pl.DataFrame(labels, schema=["account_id", "label", "source", "labelled_at"], orient="row")
        writer.add("labels", frame)
    writer.stage(1)
    writer.publish(1)
    return Lake(at)


def test_who_would_be_blocked_and_who_no_more(tmp_path):
    rows = [("a", 0.1, 0.95)] * 2 + [("b", 0.97, 0.2)] * 2 + [("c", 0.95, 0.99)] * 2 + [("d", 0.1, 0.1)] * 2
    found = compare(lake(tmp_path, rows), model("old"), model("new"), 7)
    assert [(m.account_id, m.champion, m.challenger) for m in found.newly_blocked] == [("a", 0.1, 0.95)]
    assert [m.account_id for m in found.newly_unblocked] == ["b"]
    assert (found.events, found.accounts, found.agreement) == (8, 4, 0.5)
    assert found.verdicts["block"] == {"allow": 1, "review": 0, "challenge": 0, "limit": 0, "block": 1}
    assert found.verdicts["allow"] == {"allow": 1, "review": 0, "challenge": 0, "limit": 0, "block": 1}


def test_each_model_is_judged_by_its_own_thresholds(tmp_path):
    rows = [("a", 0.6, 0.6)] * 2
    found = compare(lake(tmp_path, rows), model("old"), model("new", (0.1, 0.2, 0.4, 0.5)), 7)
    assert (found.agreement, len(found.newly_blocked)) == (0.0, 1)


def test_an_account_with_few_events_is_not_judged(tmp_path):
    found = compare(lake(tmp_path, [("a", 0.1, 0.95)]), model("old"), model("new"), 7)
    assert (found.events, found.newly_blocked) == (1, ())


def test_events_that_only_one_of_them_scored_do_not_count(tmp_path):
    found = compare(lake(tmp_path, [("a", 0.1, 0.95)] * 2), model("another"), model("new"), 7)
    assert (found.events, found.agreement, found.labels) == (0, None, {})


def test_only_the_last_days_count(tmp_path):
    rows = [("a", 0.1, 0.95)] * 4
    held = lake(tmp_path, rows, ts=[NOON, NOON + 1, NOON + 9 * DAY_MS, NOON + 9 * DAY_MS + 1])
    assert compare(held, model("old"), model("new"), 7).events == 2
    assert compare(held, model("old"), model("new"), 10).events == 4


def test_on_labels_both_are_measured(tmp_path):
    rows = [(f"bot{n}", 0.1, 0.8) for n in range(4) for _ in range(2)]
    rows += [(f"human{n}", 0.2, 0.1) for n in range(4) for _ in range(2)]
    labels = [(f"bot{n}", 1, "analyst", NOON) for n in range(4)] + [(f"human{n}", 0, "appeal", NOON) for n in range(4)]
    found = compare(lake(tmp_path, rows, labels), model("old"), model("new"), 7)
    assert {version: (of.auc, of.bots_flagged, of.humans_flagged, of.n) for version, of in found.labels.items()} == {
        "old": (0.0, 0, 0, 8),
        "new": (1.0, 4, 0, 8),
    }


STEPS = ("allow", "review", "challenge", "limit", "block")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_it_agrees_with_counting_by_hand(tmp_path_factory, rows):
    found = compare(lake(tmp_path_factory.mktemp("lake"), rows), model("old"), model("new"), 7)
    step = lambda score: sum(score >= cut for cut in CUTS)  # noqa: E731  # as short as what it checks
    assert found.agreement == pytest.approx(sum(step(old) == step(new) for _, old, new in rows) / len(rows))
    crossed = {name: dict.fromkeys(STEPS, 0) for name in STEPS}
    for account in {row[0] for row in rows}:
        judged = [row for row in rows if row[0] == account][1:]
        old, new = (STEPS[max((step(row[place]) for row in judged), default=0)] for place in (1, 2))
        crossed[old][new] += 1
    assert found.verdicts == crossed


def labels(*rows: tuple) -> pl.DataFrame:
    given_ = pl.DataFrame(rows, schema=["account_id", "label", "source", "labelled_at"], orient="row")
    missing = [pl.lit(None, kind).alias(name) for name, kind in LABELS_SCHEMA.items() if name not in given_.columns]
    return given_.with_columns(missing)


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        (("analyst", 1, 10), ("analyst", 0, 20), 0),
        (("analyst", 1, 10), ("appeal", 0, 20), 0),
        (("analyst", 1, 10), ("import", 0, 20), 1),
        (("import", 1, 10), (None, 0, 20), 0),
        (("analyst", 1, 10), ("report", 0, 20), 1),
        (("analyst", 1, None), ("analyst", 0, 20), 0),
    ],
)
def test_the_most_trusted_source_counts_and_of_it_the_latest(first, second, counts):
    rows = [("a", label, source, at) for source, label, at in (first, second)]
    for order in (rows, rows[::-1]):
        assert trusted_labels(labels(*order))["label"].to_list() == [counts]


def test_a_report_alone_is_no_label():
    assert trusted_labels(labels(("a", 1, "report", 10))).is_empty()


def test_the_command_says_what_there_is_to_say(tmp_path, monkeypatch, capsys):
    from models import SHIPPED, default

    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> object:
        with pytest.raises(SystemExit) as stop:
            cli.main(["models", *args])
        return stop.value.code

    assert run("compare") == 2
    assert "no challengers" in capsys.readouterr().err
    lake(tmp_path / "lake", [("a", 0.1, 0.95)] * 2)
    assert run("add", str(SHIPPED)) == 0
    assert run("compare") == 0
    assert "no event in the lake was scored by both yet" in capsys.readouterr().out
    version = default().version
    shipped = lake(tmp_path / "lake2", [("a\x1b[31m", 0.1, 0.99)] * 9)
    assert shipped.rows("SELECT count(*) AS n FROM scores") == [{"n": 9}]
    for path in (tmp_path / "lake2").rglob("*.parquet"):
        pl.read_parquet(path).with_columns(model_version=pl.lit(version)).write_parquet(path)
    assert run("compare", "--lake-dir", "lake2") == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "accounts would be newly blocked" in shown
    assert run("compare", version, "--lake-dir", "lake2", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["events"], found["accounts"]) == (9, 1)
