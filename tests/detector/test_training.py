"""Training replays history point in time, gives the same bytes each time, and works on little data."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import cli, histories
from detector.contract.errors import UsageError
from detector.contract.events import EVENT_SCHEMA
from detector.contract.labels import LABELS_SCHEMA
from detector.histories import Recipe, collect, score_history
from detector.training import evaluate, train
from models import vector_file
from models.folder import load, read_manifest
from models.metrics import auc, recall_at_fpr
from models.split import split_accounts
from models.training import Options, fit
from models.vector_file import VectorFile

CONTRACT = [
    *("auc", "average_precision", "brier", "ece", "threshold", "precision", "recall", "f1", "f1_weighted"),
    *("recall_at_fpr_1pct", "recall_at_fpr_0_1pct", "median_events_to_flag", "median_seconds_to_flag"),
    *("n", "positives", "bots_flagged_within", "humans_flagged_within"),
]
RECIPE = Recipe(options=Options(rounds=20, resamples=20))


def platform(bots: int = 20, humans: int = 60, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Make bots that write every few seconds and humans that take minutes, one in three like the others."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(bots + humans):
        hasty = (number < bots) != (number % 3 == 0 and rng.random() < 0.5)
        at = 1_760_000_000_000 + number * 7_919_000 % 50_000_000
        for nth in range(int(rng.integers(6, 30))):
            at += int(rng.exponential(4_000 if hasty else 200_000)) + 1
            rows.append((f"{number}-{nth}", "message", f"a{number:03}", at, f"hi {rng.integers(3)}"))
    named = ["event_id", "type", "account_id", "ts", "text"]
    events = pl.DataFrame(rows, schema=named, orient="row").sort("ts", "event_id")
    empty = [pl.lit(None, kind).alias(name) for name, kind in EVENT_SCHEMA.items() if name not in named]
    labels = {
        "account_id": [f"a{n:03}" for n in range(bots + humans)],
        "label": [n < bots for n in range(bots + humans)],
    }
    missing = [pl.lit(None, kind).alias(name) for name, kind in LABELS_SCHEMA.items() if name not in labels]
    known = pl.DataFrame(labels).cast({"label": pl.Int8}).with_columns(missing).select(list(LABELS_SCHEMA))
    return events.with_columns(empty).select(list(EVENT_SCHEMA)), known


def batches(events: pl.DataFrame, size: int = 300) -> Callable[[], Iterator[pl.DataFrame]]:
    return lambda: events.iter_slices(size)


EVENTS, LABELS = platform()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    train(batches(EVENTS), LABELS, folder, RECIPE)
    return folder


def test_a_vector_knows_nothing_of_what_came_later() -> None:
    whole = collect(batches(EVENTS)(), LABELS, RECIPE)
    for nth in (5, 10):
        after = pl.col("event_id").cum_count().over("account_id")
        cut = collect(batches(EVENTS.filter(after <= nth))(), LABELS, RECIPE)
        early, late = (points.vectors[points.nth == nth] for points in (cut.points, whole.points))
        assert np.array_equal(early, late, equal_nan=True)


@settings(max_examples=10, deadline=None)
@given(size=st.integers(1, 2000))
def test_how_events_are_batched_changes_nothing(size: int) -> None:
    few = EVENTS.head(400)
    one, many = collect(batches(few, 400)(), LABELS, RECIPE), collect(batches(few, size)(), LABELS, RECIPE)
    assert one.summary == many.summary
    assert np.array_equal(one.points.vectors, many.points.vectors, equal_nan=True)


def test_vectors_are_taken_at_the_points_and_at_the_end() -> None:
    history = collect(batches(EVENTS)(), LABELS, RECIPE)
    for account in range(len(history.accounts)):
        nth = history.points.nth[history.points.account == account].tolist()
        total = int(history.accounts.events[account])
        assert nth == sorted({n for n in RECIPE.points_after if n <= total} | {total})


def test_duplicates_count_once_and_unlabelled_accounts_not_at_all() -> None:
    twice = pl.concat([EVENTS, EVENTS.head(50)])
    some = LABELS.filter(pl.col("account_id") != "a001")
    history = collect(batches(twice)(), some, RECIPE)
    assert history.summary["events"] == len(EVENTS)
    assert history.accounts.events.sum() == len(EVENTS.filter(pl.col("account_id") != "a001"))


def test_labels_without_events_are_counted_and_left_out() -> None:
    more = pl.concat([LABELS, LABELS.head(1).with_columns(account_id=pl.lit("ghost"))])
    history = collect(batches(EVENTS)(), more, RECIPE)
    assert (len(history.accounts), history.summary["labels_without_events"]) == (len(LABELS), 1)


def test_vectors_on_disk_give_the_same_bytes(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "MANY_ACCOUNTS", 1)
    monkeypatch.setattr(vector_file, "ROWS", 64)
    assert isinstance(collect(batches(EVENTS, 77)(), LABELS, RECIPE).points.vectors, VectorFile)
    train(batches(EVENTS, 77), LABELS, tmp_path, RECIPE)
    for name in ("model.json", "model.txt", "card.md"):
        assert (tmp_path / name).read_bytes() == (trained / name).read_bytes()


def test_the_same_data_and_seed_give_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    train(batches(EVENTS, 77), LABELS.reverse(), tmp_path, RECIPE)
    files = sorted(path.relative_to(trained) for path in trained.rglob("*") if path.is_file())
    assert [str(file) for file in files] == [
        "card.md", "model.json", "model.txt", "plots/precision_recall.png", "plots/reliability.png", "plots/scores.png",
        "reference.json",
    ]  # fmt: skip
    for file in files:
        assert (trained / file).read_bytes() == (tmp_path / file).read_bytes()


def test_another_seed_gives_another_model(trained: Path, tmp_path: Path) -> None:
    train(batches(EVENTS), LABELS, tmp_path, Recipe(options=Options(rounds=20, seed=9, resamples=20)))
    assert load(tmp_path).version != load(trained).version


def test_accounts_of_a_campaign_named_in_a_column_or_note_share_a_group() -> None:
    by_column = LABELS.with_columns(campaign=pl.when(pl.col("label") == 1).then(pl.lit("c1")))
    by_note = LABELS.with_columns(note=pl.when(pl.col("label") == 1).then(pl.lit("campaign c1")))
    for labels in (by_column, by_note):
        with pytest.raises(UsageError, match="several campaigns, got 1"):
            train(batches(EVENTS), labels, Path("never written"), RECIPE)


def test_chosen_features_are_all_the_model_reads(tmp_path: Path) -> None:
    recipe = Recipe(features=("gap_*", "events_count_1h"), options=Options(rounds=5, resamples=5))
    train(batches(EVENTS), LABELS, tmp_path, recipe)
    names = load(tmp_path).feature_names
    assert "events_count_1h" in names
    assert all(name.startswith("gap_") or name == "events_count_1h" for name in names)
    assert evaluate(batches(EVENTS)(), LABELS, load(tmp_path), RECIPE).n == len(LABELS)


def test_a_pattern_that_names_no_feature_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"got nonsense_.*; known: .*events_count_1m"):
        Recipe(features=("nonsense_*",)).columns()


def test_too_few_labels_say_how_many_are_needed() -> None:
    with pytest.raises(UsageError, match=r"at least 10 bots .* got 5 and 60"):
        train(batches(EVENTS), LABELS.tail(65), Path("never written"), RECIPE)


@pytest.mark.parametrize("part", [LABELS.with_columns(account_id=pl.lit("nobody")).head(1), LABELS.head(0)])
def test_labels_of_nobody_seen_are_refused(trained: Path, part: pl.DataFrame) -> None:
    with pytest.raises(UsageError, match="events of labelled accounts, got none"):
        collect(batches(EVENTS)(), part, RECIPE)
    with pytest.raises(UsageError, match="events of labelled accounts, got none"):
        evaluate(batches(EVENTS)(), part, load(trained), RECIPE)


def test_every_event_is_scored_as_the_model_scores_its_vector(trained: Path) -> None:
    history, model = collect(batches(EVENTS)(), LABELS, RECIPE), load(trained)
    trace = score_history(batches(EVENTS)(), history.ids, model, RECIPE)
    ends = history.points.nth == history.accounts.events[history.points.account]
    assert len(trace.score) == len(EVENTS)
    assert np.array_equal(trace.final(len(history.accounts)), model.score(history.points.vectors[ends]))


def test_accounts_are_ranked_by_the_trees_of_the_folds_alone(tmp_path: Path) -> None:
    """Trees of the older accounts put the newer ones on another scale: one ranking of both would say nothing."""
    found, history = train(batches(EVENTS), LABELS, tmp_path, RECIPE), collect(batches(EVENTS)(), LABELS, RECIPE)
    accounts, points = history.accounts, history.points
    split = split_accounts(accounts, RECIPE.options.seed)
    fitted = fit(points, accounts, split, RECIPE.catalogue.names, RECIPE.options)
    ends, raw = np.flatnonzero(points.nth == accounts.events[points.account]), np.zeros(len(accounts))
    for k, text in enumerate(fitted.without_fold):
        vectors = points.vectors[ends[split.fold == k]]
        raw[split.fold == k] = lgb.Booster(model_str=text).predict(vectors, raw_score=True)
    assert found.test.auc == pytest.approx(auc(accounts.is_bot, raw), abs=1e-9)
    assert found.test.recall_at_fpr_1pct == recall_at_fpr(accounts.is_bot, raw, 0.01)


def test_the_card_holds_the_split_the_figures_and_the_limits(trained: Path) -> None:
    card = (trained / "card.md").read_text()
    for part in (
        "## Data",
        "| newer |",
        "by trees of the older ones",
        "AUC",
        "recall at 1 % false positives",
        "## Limits",
        "fewer than 100 bots",
    ):
        assert part in card
    assert "synthetic" not in card.lower()


def test_what_an_account_does_after_it_was_labelled_teaches_nothing() -> None:
    """Whoever is labelled as a bot is reported a hundred times afterwards: a model that saw it would look perfect."""
    at = EVENTS.group_by("account_id").agg(labelled_at=pl.col("ts").sort().slice(0, 8).max())
    labels = LABELS.drop("labelled_at").join(at, on="account_id").select(list(LABELS_SCHEMA))
    before = EVENTS.join(at, on="account_id").filter(pl.col("ts") <= pl.col("labelled_at")).select(EVENTS.columns)
    leaking, honest = (collect(batches(events)(), labels, RECIPE) for events in (EVENTS, before))
    assert np.array_equal(leaking.points.vectors, honest.points.vectors, equal_nan=True)
    assert leaking.accounts.events.max() == 8
    scored = score_history(batches(EVENTS)(), leaking.ids, Everyone(), RECIPE, leaking.until_ms)
    assert len(scored.account) == len(before)


def test_labels_older_than_all_events_teach_nothing() -> None:
    with pytest.raises(UsageError, match="labelled_at is not older"):
        collect(batches(EVENTS)(), LABELS.with_columns(labelled_at=pl.lit(1_000)), RECIPE)


class Everyone:
    """Suspects everyone alike."""

    feature_names = ("events_count_1h",)

    def judge(self, vectors: np.ndarray, account: np.ndarray) -> np.ndarray:
        return np.full(len(account), 0.5) if len(vectors) else np.empty(0)


def run(*args: str) -> object:
    with pytest.raises(SystemExit) as stop:
        cli.main(list(args))
    return stop.value.code


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    EVENTS.select("event_id", "type", "account_id", "ts", "text").write_ndjson(tmp_path / "events.jsonl")
    LABELS.select("account_id", "label").write_csv(tmp_path / "labels.csv")
    return {
        "events": str(tmp_path / "events.jsonl"),
        "labels": str(tmp_path / "labels.csv"),
        "out": str(tmp_path / "m"),
    }


def test_the_commands_train_and_evaluate(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--events", files["events"], "--labels", files["labels"])
    assert run("train", *given, "--output", files["out"], "--rounds", "10", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["version"] == load(Path(files["out"])).version
    assert run("evaluate", "--model", files["out"], *given, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == CONTRACT
    assert (found["n"], found["positives"]) == (80, 20)
    assert run("evaluate", "--model", files["out"], *given) == 0
    assert "share of bots" in capsys.readouterr().out


def test_wrong_usage_ends_with_2(files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ("--labels", files["labels"])
    assert run("train", "--events", "-", *labels, "--output", files["out"]) == 2
    assert run("evaluate", "--model", str(tmp_path / "none"), "--events", files["events"], *labels) == 2
    errors = capsys.readouterr().err.splitlines()
    assert "give a file" in errors[0]
    assert "expected a model folder" in errors[1]


def test_a_search_for_settings_is_seeded_and_told(trained: Path, tmp_path: Path) -> None:
    recipe = Recipe(features=("gap_*",), options=Options(rounds=10, resamples=5, trials=3))
    told = [train(batches(EVENTS), LABELS, tmp_path / name, recipe).version for name in ("one", "other")]
    assert told[0] == told[1]
    assert read_manifest(tmp_path / "one").training["tried"] == 3
    assert "num_leaves" in read_manifest(tmp_path / "one").training["tuned"]["parameters"]
    assert "3 settings of the trees were tried" in (tmp_path / "one" / "card.md").read_text()
    assert "## Tuning" not in (trained / "card.md").read_text()
