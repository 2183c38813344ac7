"""Compiled trees explain as LightGBM does."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.compiled_trees import NotCompiled
from models.tree_shap import TreeShap, compile_shap
from tests.models.trees import PARAMS, PECULIAR, thresholds_of, train


def compiled(booster: lgb.Booster) -> TreeShap:
    shap = compile_shap(booster.model_to_string())
    assert isinstance(shap, TreeShap)
    return shap


def close(found: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.allclose(found, expected, rtol=1e-9, atol=1e-10))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    leaves=st.sampled_from([2, 3, 31, 64]),
    trees=st.integers(1, 20),
    width=st.integers(1, 6),
    missing=st.booleans(),
)
def test_contributions_are_lightgbms(seed: int, leaves: int, trees: int, width: int, missing: bool) -> None:
    booster = train(seed, leaves, trees, width, missing)
    rng = np.random.default_rng(seed)
    x = rng.choice(np.concatenate([thresholds_of(booster), PECULIAR]), (20, width))
    ordinary = rng.random(x.shape) < 0.5
    x[ordinary] = rng.normal(0, 3, ordinary.sum())
    expected = booster.predict(x, pred_contrib=True, num_threads=1)
    assert close(compiled(booster).contributions(x), expected[:, :-1])


def test_paths_of_more_features_than_eight_points_integrate_are_exact_too() -> None:
    booster = chain(24)
    shap = compiled(booster)
    x = np.random.default_rng(2).integers(0, 2, (30, 24)).astype(float)
    assert len(shap.points) > 8
    assert close(shap.contributions(x), booster.predict(x, pred_contrib=True)[:, :-1])


def chain(features: int) -> lgb.Booster:
    """Train one tree that asks for one feature after the other: who fails the first k has the value k."""
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, (60 * features, features)).astype(float)
    depth = np.arange(len(x)) % features
    x[np.arange(features) < depth[:, None]] = 0
    x[np.arange(len(x)), depth] = 1
    y = 0.6 ** np.argmax(x, axis=1)
    params = {"objective": "regression", "verbose": -1, "num_leaves": features, "min_data_in_leaf": 1}
    params |= {"min_sum_hessian_in_leaf": 0.0}
    return lgb.train(params, lgb.Dataset(x, y), 1)


def test_they_and_the_expected_score_add_up_to_the_score() -> None:
    booster = train(5, 31, 50, 6, missing=True)
    x = np.random.default_rng(1).normal(0, 3, (50, 6))
    left = booster.predict(x, raw_score=True) - compiled(booster).contributions(x).sum(axis=1)
    assert np.ptp(left) < 1e-12


def test_a_tree_without_a_split_contributes_nothing() -> None:
    booster = train(1, 31, 1, 2, missing=False, min_data_in_leaf=1000)
    assert not compiled(booster).contributions(np.ones((3, 2))).any()


def test_no_rows_have_no_contributions() -> None:
    assert compiled(train(1, 31, 5, 3, missing=True)).contributions(np.empty((0, 3))).shape == (0, 3)


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="rows of 3 features"):
        compiled(train(0, 4, 1, 3, missing=False)).contributions(np.zeros((2, 4)))


def test_what_does_not_compile_says_why() -> None:
    x = np.random.default_rng(0).integers(0, 12, (300, 1)).astype(float)
    data = lgb.Dataset(x, (x[:, 0] % 3 == 0).astype(float), categorical_feature=[0])
    assert compile_shap(lgb.train(PARAMS, data, 2).model_to_string()) == NotCompiled("it splits on categories")
