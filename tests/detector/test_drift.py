"""Facts about drift: what has not moved gives little, what has moved is named, models keep what to compare with."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.errors import UsageError
from detector.contract.times import HOUR_MS
from detector.drift import DriftWatch
from models import folder
from models.calibration import Platt
from models.drift import MUCH, SCORE, reference_of
from models.folder import REFERENCE, Threshold, manifest_of

NAMES = ("one", "two", "often_missing")
MODEL_TEXT = "tree\nversion=v4\nmax_feature_idx=2\n"


def rows(seed: int, n: int = 40_000, shift: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(n, 3))
    vectors[:, 1] += shift
    vectors[random.random(n) < 0.5, 2] = np.nan
    return vectors


def reference():
    vectors = rows(1)
    return reference_of(NAMES, vectors, np.random.default_rng(2).random(len(vectors)))


def observed(watch: DriftWatch, vectors: np.ndarray, hour: int) -> None:
    random = np.random.default_rng(hour)
    for start in range(0, len(vectors), 1000):
        part = vectors[start : start + 1000]
        ts = hour * HOUR_MS + np.arange(start, start + len(part))
        sampled = watch.sampled(random.integers(0, 2**63, len(part)).astype(np.uint64))
        watch.observe(ts, part[sampled], random.random(len(sampled)))


def test_an_hour_like_the_training_has_hardly_moved():
    watch = DriftWatch(reference())
    observed(watch, rows(3), 10)
    assert watch.take() == {}
    observed(watch, rows(4)[:1], 11)
    drift = watch.take()
    assert set(drift) == {*NAMES, SCORE}
    assert max(drift.values()) < 0.1
    assert watch.take() == {}


def test_one_shifted_feature_is_named_and_no_other():
    watch = DriftWatch(reference())
    observed(watch, rows(3, shift=1.0), 10)
    observed(watch, rows(4)[:1], 11)
    drift = watch.take()
    assert [name for name, index in drift.items() if index > MUCH] == ["two"]


def test_a_feature_that_is_missing_all_at_once_has_moved():
    watch, vectors = DriftWatch(reference()), rows(3)
    vectors[:, 0] = np.nan
    observed(watch, vectors, 10)
    observed(watch, rows(4)[:1], 11)
    assert [name for name, index in watch.take().items() if index > MUCH] == ["one"]


def test_few_events_say_nothing():
    watch = DriftWatch(reference())
    observed(watch, rows(3, n=2000, shift=3.0), 10)
    observed(watch, rows(4)[:1], 11)
    assert watch.take() == {}


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=200))
def test_the_same_rows_have_an_index_of_nothing(values):
    column = np.array(values)[:, None]
    same = reference_of(("x",), column, np.zeros(len(column)))
    counts = same.counts()
    same.count(np.column_stack([column, np.zeros(len(column))]), counts)
    assert same.stability(counts) == pytest.approx([0.0, 0.0], abs=1e-4)


def written(tmp_path):
    thresholds = dict.fromkeys(("review", "challenge", "limit", "block"), Threshold(0.5, 0.01))
    manifest = manifest_of(MODEL_TEXT, NAMES, NAMES, Platt(1.0, 0.0), thresholds, {})
    folder.save(tmp_path, manifest, MODEL_TEXT, "# card\n", {}, reference())
    return tmp_path


def test_a_model_folder_keeps_it(tmp_path):
    assert folder.load(written(tmp_path)).reference == reference()


def test_a_folder_without_one_loads_too(tmp_path):
    (written(tmp_path) / REFERENCE).unlink()
    assert folder.load(tmp_path).reference is None


@pytest.mark.parametrize(
    ("field", "value"), [("columns", ["other"]), ("schema", "gillnet.reference/9"), ("edges", [[1.0]])]
)
def test_one_of_another_model_or_version_is_refused(tmp_path, field, value):
    path = written(tmp_path) / REFERENCE
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(UsageError, match=r"reference\.json: expected"):
        folder.load(tmp_path)
