"""Models of LightGBM to compare with."""

from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

PARAMS = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_in_leaf": 2, "seed": 0}
PECULIAR = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-35, -1e-35, 1e-40, -5e-324, 1e300, -1e300, 1.7e308])


def train(seed: int, leaves: int, trees: int, width: int, missing: bool, **more: Any) -> lgb.Booster:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 3, (300, width))
    x[:, ::2] = np.floor(x[:, ::2])
    if missing:
        x[rng.random(x.shape) < 0.15] = np.nan
    y = (np.nan_to_num(x[:, 0]) * np.nan_to_num(x[:, -1]) > 1) | (rng.random(len(x)) < 0.1)
    params = PARAMS | {"num_leaves": leaves, "seed": seed} | more
    return lgb.train(params, lgb.Dataset(x, y.astype(float)), trees)


def thresholds_of(booster: lgb.Booster) -> NDArray[np.float64]:
    lines = booster.model_to_string().splitlines()
    values = [float(v) for line in lines if line.startswith("threshold=") for v in line[10:].split()]
    return np.array([*values, 0.0])
