"""Scoring, LightGBM's predict beside the compiled trees: CPU microseconds a row at several batch sizes.

    python benchmarks/scoring.py

Single-threaded, best of repeated runs; scores are checked for bit equality on every shape first.
"""

import time
from collections.abc import Callable

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from models.compiled_trees import CompiledTrees, compile_trees

ROWS_TRAINED = 30_000
SHAPES = [(60, 100, 31), (60, 200, 31), (100, 300, 31), (100, 300, 63)]  # features, trees, leaves
BATCHES = [1, 16, 64, 256, 1000, 4000]


def inputs(width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw vectors like ours: counts, skewed reals, missing values."""
    rng = np.random.default_rng(0)
    x = rng.gamma(1.5, 2, (ROWS_TRAINED, width))
    x[:, ::3] = np.floor(x[:, ::3])
    x[rng.random(x.shape) < 0.05] = np.nan
    known = np.nan_to_num(x)
    y = (known[:, 0] * known[:, 3] > 8) | (known[:, 5] > 9) | (rng.random(len(x)) < 0.05)
    return x, y.astype(float)


def cpu_us_per_row(call: Callable[[], object], rows: int) -> float:
    """Take the best of as many runs as a fifth of a second holds."""
    best, spent, runs = float("inf"), 0.0, 0
    while spent < 0.2 or runs < 5:
        start = time.process_time_ns()
        call()
        took = (time.process_time_ns() - start) / 1e3
        best, spent, runs = min(best, took), spent + took / 1e6, runs + 1
    return best / rows


def measure(width: int, trees: int, leaves: int) -> None:
    """Print one line per batch size for one shape of model."""
    x, y = inputs(width)
    params = {"objective": "binary", "num_leaves": leaves, "verbose": -1, "num_threads": 1, "seed": 1}
    booster = lgb.train(params, lgb.Dataset(x, y), trees)
    start = time.perf_counter()
    compiled = compile_trees(booster.model_to_string())
    assert isinstance(compiled, CompiledTrees)
    print(f"{width} features, {trees} trees, {leaves} leaves: compiled in {time.perf_counter() - start:.3f} s")
    for rows in BATCHES:
        batch = np.ascontiguousarray(x[-rows:])
        theirs = booster.predict(batch, raw_score=True, num_threads=1)
        assert np.array_equal(compiled.raw_scores(batch), theirs), "scores differ"
        slow = cpu_us_per_row(lambda b=batch: booster.predict(b, raw_score=True, num_threads=1), rows)
        fast = cpu_us_per_row(lambda b=batch: compiled.raw_scores(b), rows)
        print(f"  {rows:5d} rows   LightGBM {slow:8.2f}   compiled {fast:7.2f} us/row   {slow / fast:4.1f}x")


if __name__ == "__main__":
    for shape in SHAPES:
        measure(*shape)
