"""A table of vectors made elsewhere trains and is judged like events, and a column that is the label is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from detector import cli, vector_table
from detector.contract.errors import UsageError
from detector.contract.labels import read_labels
from detector.histories import Recipe
from detector.training import evaluate_vectors, train_on_vectors
from detector.vector_table import read_vectors
from models import vector_file
from models.folder import load, read_manifest
from models.training import Options

RECIPE = Recipe(options=Options(rounds=40, resamples=5))
REAL = Path(__file__).parents[3] / "shared" / "data" / "github_bimbas" / "train.parquet"


def write(folder: Path, rows: int = 1, **more: np.ndarray) -> tuple[Path, Path]:
    """Write vectors of 120 accounts, a third of them bots, that a sum of two columns tells apart fairly well."""
    rng = np.random.default_rng(0)
    is_bot = np.arange(120) % 3 == 0
    account = np.repeat(np.arange(120), rows)
    x, y = rng.normal(size=(2, len(account)))
    table = pl.DataFrame(
        {"account_id": [f"a{n}" for n in account], "x": x + is_bot[account], "y": y + is_bot[account], **more}
    )
    table.write_parquet(folder / "vectors.parquet")
    table.write_csv(folder / "vectors.csv")
    labels = pl.DataFrame({"account_id": [f"a{n}" for n in range(120)], "label": is_bot.astype(int)})
    labels.write_csv(folder / "labels.csv")
    return folder / "vectors.parquet", folder / "labels.csv"


def test_a_table_trains_a_model_of_its_columns(tmp_path):
    vectors, labels = write(tmp_path, rows=3)
    trained = train_on_vectors(read_vectors(vectors), read_labels(labels), tmp_path / "m", RECIPE)
    assert load(tmp_path / "m").feature_names == ("x", "y")
    assert 0.7 < trained.test.auc < 1
    assert trained.test.n == 120


def test_csv_and_parquet_give_the_same_model(tmp_path):
    vectors, labels = write(tmp_path)
    versions = {
        train_on_vectors(read_vectors(file), read_labels(labels), tmp_path / "m", RECIPE).version
        for file in (vectors, vectors.with_suffix(".csv"))
    }
    assert len(versions) == 1


def test_a_table_on_disk_gives_the_same_model(tmp_path, monkeypatch):
    vectors, labels = write(tmp_path, rows=3)
    known = read_labels(labels)
    held = train_on_vectors(read_vectors(vectors), known, tmp_path / "held", RECIPE)
    monkeypatch.setattr(vector_table, "_HELD_BYTES", 0)
    monkeypatch.setattr(vector_table, "ROWS", 64)
    monkeypatch.setattr(vector_file, "ROWS", 64)
    on_disk = read_vectors(vectors)
    assert isinstance(on_disk.vectors, vector_file.VectorFile)
    assert train_on_vectors(on_disk, known, tmp_path / "disk", RECIPE) == held


def test_labels_in_doubt_are_counted_in_the_folder_and_the_card(tmp_path):
    vectors, labels = write(tmp_path)
    told = ("--vectors", str(vectors), "--labels", str(labels), "--output", str(tmp_path / "m"), "--rounds", "20")
    assert run("train", *told, "--doubt-labels") == 0
    doubted = read_manifest(tmp_path / "m").training["labels_doubted"]
    assert 0 < doubted < 30
    assert (
        f" {doubted} labels that other accounts' trees contradict count half." in (tmp_path / "m/card.md").read_text()
    )


def test_a_planted_copy_of_the_label_is_refused_unless_left_out(tmp_path):
    leak = np.where(np.arange(120) % 3 == 0, 7.0, np.nan)
    vectors, labels = write(tmp_path, leak=leak)
    with pytest.raises(UsageError, match="got leak: one alone tells every bot"):
        train_on_vectors(read_vectors(vectors), read_labels(labels), tmp_path / "m", RECIPE)
    without = Recipe(features=("x", "y"), options=RECIPE.options)
    assert train_on_vectors(read_vectors(vectors), read_labels(labels), tmp_path / "m", without).features == 2


def test_a_label_beside_the_vectors_is_no_feature(tmp_path):
    vectors, _ = write(tmp_path, label=(np.arange(120) % 3 == 0).astype(int))
    assert read_vectors(vectors).names == ("x", "y")


def test_a_table_without_a_column_the_model_reads_is_refused(tmp_path):
    vectors, labels = write(tmp_path)
    train_on_vectors(read_vectors(vectors), read_labels(labels), tmp_path / "m", RECIPE)
    pl.read_parquet(vectors).drop("y").write_parquet(vectors)
    with pytest.raises(UsageError, match="lacks: y"):
        evaluate_vectors(read_vectors(vectors), read_labels(labels), load(tmp_path / "m"))


@pytest.mark.parametrize("columns", [{"x": [1.0]}, {"account_id": ["a"], "name": ["b"]}])
def test_what_is_no_table_of_vectors_is_refused(tmp_path, columns):
    pl.DataFrame(columns).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(UsageError, match="a column account_id and columns of numbers"):
        read_vectors(tmp_path / "t.parquet")


def run(*args: str) -> object:
    with pytest.raises(SystemExit) as stop:
        cli.main(list(args))
    return stop.value.code


def test_the_commands_take_vectors_in_place_of_events(tmp_path, capsys):
    vectors, labels = map(str, write(tmp_path))
    told = ("--vectors", vectors, "--labels", labels)
    assert run("train", *told, "--output", str(tmp_path / "m"), "--rounds", "20") == 0
    capsys.readouterr()
    assert run("evaluate", *told, "--model", str(tmp_path / "m"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["auc"] > 0.8
    assert run("evaluate", "--labels", labels) == 2
    assert run("train", *told, "--events", vectors, "--output", str(tmp_path / "m")) == 2
    assert "got both" in capsys.readouterr().err


@pytest.mark.skipif(not REAL.exists(), reason="needs the real data sets beside the checkout")
def test_bots_of_github_are_told_from_people(tmp_path):
    """The published weighted F1 on this set is 0.899."""
    table = pl.read_parquet(REAL)
    table.drop("bot", "contributor").with_columns(account_id=table["contributor"]).write_parquet(tmp_path / "v.parquet")
    table.select(account_id="contributor", label="bot").write_parquet(tmp_path / "l.parquet")
    recipe = Recipe(options=Options(resamples=5))
    tested = train_on_vectors(
        read_vectors(tmp_path / "v.parquet"), read_labels(tmp_path / "l.parquet"), tmp_path / "m", recipe
    ).test
    assert tested.auc > 0.96
    assert tested.f1_weighted > 0.89
