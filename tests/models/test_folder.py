"""A model folder keeps a model to the bit, and says what is wrong when it cannot."""

import json
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.contract.errors import UsageError
from models import folder
from models.calibration import Calibration, Isotonic, Platt
from models.folder import Manifest, Threshold, load, manifest_of, model_of, save

FEATURES = ("messages_count_1m", "gap_seconds_cv_10m", "link_ratio_24h")
THRESHOLDS = {
    step: Threshold(0.5 + 0.1 * i, 0.01 / (i + 1)) for i, step in enumerate(("review", "challenge", "limit", "block"))
}


def vectors(rows: int = 200) -> NDArray[np.float64]:
    return np.random.default_rng(5).normal(size=(rows, len(FEATURES)))


def model_text(leaves: int = 31) -> str:
    x = vectors(400)
    params = {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": leaves, "min_data_in_leaf": 1} | {
        "min_sum_hessian_in_leaf": 0
    }
    return lgb.train(
        params, lgb.Dataset(x, (x[:, 0] + x[:, 1] * x[:, 2] > np.sin(40 * x[:, 0])).astype(float)), 10
    ).model_to_string()


def saved(at: Path, text: str | None = None, calibration: Calibration | None = None) -> Manifest:
    text = text or model_text()
    manifest = manifest_of(text, FEATURES, FEATURES, calibration or Platt(1.2, -0.3), THRESHOLDS, {"events": 1})
    save(at, manifest, text, "# card\n", {"pr.png": b"png"})
    return manifest


@pytest.mark.parametrize("calibration", [Platt(0.7, -0.1), Isotonic((-4.0, 0.0, 4.0), (0.0, 0.2, 1.0))])
def test_a_loaded_model_scores_as_the_saved_one(tmp_path: Path, calibration: Calibration) -> None:
    text = model_text()
    manifest = saved(tmp_path, text, calibration)
    loaded, model = load(tmp_path), model_of(manifest, text)
    assert (loaded.version, loaded.feature_names, loaded.thresholds) == (model.version, FEATURES, model.thresholds)
    assert np.array_equal(loaded.score(vectors()), model.score(vectors()))
    assert ((loaded.score(vectors()) >= 0) & (loaded.score(vectors()) <= 1)).all()


def test_contributions_and_bias_add_up_to_the_raw_score(tmp_path: Path) -> None:
    saved(tmp_path)
    model = load(tmp_path)
    contributions = model.explain(vectors())
    assert contributions.shape == vectors().shape
    assert np.ptp(model.raw_scores(vectors()) - contributions.sum(axis=1)) < 1e-9
    assert model.explain(vectors(0)).shape == (0, 3)
    assert model.score(vectors(0)).shape == (0,)


def test_a_model_that_does_not_compile_scores_the_same_and_says_why(tmp_path: Path) -> None:
    text = model_text(leaves=90)
    saved(tmp_path, text, Platt())
    model = load(tmp_path)
    assert model.fallback is not None
    assert "64 leaves" in model.fallback
    assert np.array_equal(model.raw_scores(vectors()), lgb.Booster(model_str=text).predict(vectors(), raw_score=True))
    with pytest.raises(ValueError, match="rows of 3 features"):
        model.score(np.zeros((1, 2)))


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    saved(tmp_path / "a")
    saved(tmp_path / "b")
    for file in ("model.txt", "model.json", "card.md", "plots/pr.png"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_the_version_follows_from_the_content(tmp_path: Path) -> None:
    first, second = saved(tmp_path / "a"), saved(tmp_path / "b", calibration=Platt(1.3, 0.0))
    assert first.version != second.version
    assert first.version == first.named_by_content().version


def test_changed_trees_are_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    with (tmp_path / folder.MODEL_TEXT).open("a") as file:
        file.write("\n")
    with pytest.raises(UsageError, match="sha256"):
        load(tmp_path)


def test_an_absent_folder_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected a model folder with model.json and model.txt, got no model.json"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "gillnet.model/9"}, "expected schema gillnet.model/1, got 'gillnet.model/9'"),
        ({"features": ["one"]}, "names of the trees' 3 features, got 1 names"),
        ({"calibration": {"method": "platt", "slope": -1.0, "intercept": 0.0}}, "positive slope"),
        ({"calibration": {"method": "isotonic", "raw": [1.0, 0.0], "probability": [0, 1]}}, "rising in raw score"),
        ({"calibration": {"method": "python", "code": "1"}}, "Invalid value 'python'"),
        ({"thresholds": {}}, "none for review"),
        ({"model_sha256": 3}, "Expected `str`"),
    ],
)
def test_a_manifest_that_is_off_is_refused_by_name(tmp_path: Path, change: dict[str, object], message: str) -> None:
    saved(tmp_path)
    manifest = json.loads((tmp_path / folder.MANIFEST).read_text())
    (tmp_path / folder.MANIFEST).write_text(json.dumps(manifest | change))
    with pytest.raises(UsageError, match=message):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"{"])
def test_a_manifest_that_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    saved(tmp_path)
    (tmp_path / folder.MANIFEST).write_bytes(content)
    with pytest.raises(UsageError, match=r"model\.json: expected a model's description"):
        load(tmp_path)
