"""Compiled trees give what LightGBM gives, to the last bit."""

from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.compiled_trees import CompiledTrees, NotCompiled, compile_trees
from tests.models.trees import PARAMS, PECULIAR, thresholds_of, train


def compiled(booster: lgb.Booster) -> CompiledTrees:
    trees = compile_trees(booster.model_to_string())
    assert isinstance(trees, CompiledTrees)
    return trees


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    leaves=st.sampled_from([2, 3, 31, 32, 33, 64]),
    trees=st.integers(1, 20),
    width=st.integers(1, 6),
    missing=st.booleans(),
    rows=st.integers(0, 140),
)
def test_every_score_has_the_same_bits_as_lightgbms(
    seed: int, leaves: int, trees: int, width: int, missing: bool, rows: int
) -> None:
    booster = train(seed, leaves, trees, width, missing)
    cuts = thresholds_of(booster)
    edges = np.concatenate([cuts, np.nextafter(cuts, np.inf), np.nextafter(cuts, -np.inf), PECULIAR])
    rng = np.random.default_rng(seed)
    x = rng.choice(edges, (rows, width))
    ordinary = rng.random(x.shape) < 0.3
    x[ordinary] = rng.normal(0, 3, ordinary.sum())
    expected = booster.predict(x, raw_score=True, num_threads=1) if rows else np.empty(0)
    assert np.array_equal(compiled(booster).raw_scores(x).view(np.int64), expected.view(np.int64))


def test_a_missing_value_unseen_in_training_counts_as_zero() -> None:
    booster = train(3, 31, 10, 3, missing=False)
    x = np.full((5, 3), np.nan)
    assert np.array_equal(compiled(booster).raw_scores(x), compiled(booster).raw_scores(np.zeros((5, 3))))
    assert np.array_equal(compiled(booster).raw_scores(x), booster.predict(x, raw_score=True))


def test_a_split_between_missing_and_present_sends_infinity_with_the_present() -> None:
    x = np.array([[np.nan], [1.0], [2.0], [3.0]] * 30)
    booster = lgb.train(PARAMS, lgb.Dataset(x, np.isnan(x[:, 0]).astype(float)), 3)
    assert "threshold=inf" in booster.model_to_string()
    edges = np.array([[np.nan], [np.inf], [-np.inf], [0.0], [1.7976931348623157e308]])
    assert np.array_equal(compiled(booster).raw_scores(edges), booster.predict(edges, raw_score=True))


def test_rows_need_not_be_contiguous() -> None:
    booster = train(1, 31, 5, 3, missing=True)
    wide = np.asfortranarray(np.random.default_rng(0).normal(size=(70, 6)))
    assert np.array_equal(
        compiled(booster).raw_scores(wide[:, ::2]), booster.predict(wide[:, ::2].copy(), raw_score=True)
    )


def test_a_model_of_stumps_that_never_split_still_scores() -> None:
    x = np.zeros((50, 2))
    booster = lgb.train(PARAMS, lgb.Dataset(x, np.arange(50) % 2), 2)
    assert np.array_equal(compiled(booster).raw_scores(x), booster.predict(x, raw_score=True))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"num_leaves": 100, "min_data_in_leaf": 1}, "more than 64 leaves"),
        ({"linear_tree": True}, "linear"),
        ({"zero_as_missing": True}, "zero for missing"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "averages"),
        ({"objective": "multiclass", "num_class": 2}, "several classes"),
    ],
)
def test_what_cannot_be_compiled_says_why(more: dict[str, Any], reason: str) -> None:
    booster = train(0, 31, 3, 3, missing=True, **more)
    refused = compile_trees(booster.model_to_string())
    assert isinstance(refused, NotCompiled)
    assert reason in refused.reason


def test_categorical_splits_are_refused() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 12, (300, 1)).astype(float)
    data = lgb.Dataset(x, (x[:, 0] % 3 == 0).astype(float), categorical_feature=[0])
    refused = compile_trees(lgb.train(PARAMS, data, 2).model_to_string())
    assert isinstance(refused, NotCompiled)
    assert "categories" in refused.reason


def test_text_that_is_no_model_is_named_so() -> None:
    with pytest.raises(ValueError, match="LightGBM's text format"):
        compile_trees("hello")


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="rows of 3 features"):
        compiled(train(0, 4, 1, 3, missing=False)).raw_scores(np.zeros((2, 4)))
