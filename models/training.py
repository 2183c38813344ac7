"""Training: from vectors along labelled histories to trees and their calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import lightgbm as lgb
import numpy as np

from models.calibration import Calibration, Platt, fit_isotonic, fit_platt
from models.split import Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.history import Accounts, Points
    from models.split import Split

_PATIENCE: Final = 30
_ISOTONIC_MIN: Final = 100  # accounts of each class in validation; below it isotonic regression fits noise
_THREADS: Final = 2  # fixed, because the order in which LightGBM adds up its histograms is part of the result


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may choose about training."""

    seed: int = 0
    rounds: int = 200
    leaves: int = 31
    learning_rate: float = 0.08
    resamples: int = 200
    """Resamples of the test accounts behind the card's intervals."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Trees with their calibration, and how they came about."""

    model_text: str
    calibration: Calibration
    rounds: int
    gains: NDArray[np.float64]
    """How much of the trees' gain each feature brought; they add up to 1."""


def fit(points: Points, accounts: Accounts, split: Split, features: tuple[str, ...], options: Options) -> Fitted:
    """Train on one side of the split; stop early and calibrate on the second."""
    train, validation = points.of(split.on(Side.TRAIN)), points.of(split.on(Side.VALIDATION))
    booster = lgb.train(
        _parameters(options, accounts=int(split.on(Side.TRAIN).sum())),
        train_set := _dataset(train, accounts, features),
        num_boost_round=options.rounds,
        valid_sets=[_dataset(validation, accounts, features, reference=train_set)],
        callbacks=[lgb.early_stopping(_PATIENCE, verbose=False)],
    )
    text = booster.model_to_string(num_iteration=booster.best_iteration)
    booster = lgb.Booster(model_str=text)
    gains = booster.feature_importance("gain")
    return Fitted(
        model_text=text,
        calibration=_calibrate(booster, validation, accounts),
        rounds=booster.num_trees(),
        gains=gains / max(gains.sum(), 1e-12),
    )


def _parameters(options: Options, accounts: int) -> dict[str, Any]:
    return {
        "objective": "binary",
        "learning_rate": options.learning_rate,
        "num_leaves": options.leaves,
        "min_data_in_leaf": min(20, max(5, accounts // 50)),
        "lambda_l2": 1.0,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "seed": options.seed,
        "num_threads": _THREADS,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def _dataset(
    points: Points, accounts: Accounts, features: tuple[str, ...], reference: lgb.Dataset | None = None
) -> lgb.Dataset:
    is_bot = accounts.is_bot[points.account]
    weights = points.weights() * _class_weights(is_bot, points.weights())
    return lgb.Dataset(
        points.vectors, is_bot.astype(float), weight=weights, feature_name=list(features), reference=reference
    )


def _class_weights(is_bot: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    # Half way, in proportions, to balance: the trees see the rare class, and calibration has little to undo.
    bots, humans = weights[is_bot].sum(), weights[~is_bot].sum()
    return (
        np.where(is_bot, np.sqrt(humans / bots), 1.0)
        if bots < humans
        else np.where(is_bot, 1.0, np.sqrt(bots / humans))
    )


def _calibrate(booster: lgb.Booster, points: Points, accounts: Accounts) -> Calibration:
    raw = np.asarray(booster.predict(points.vectors, raw_score=True, num_threads=1), np.float64)
    is_bot = accounts.is_bot[points.account]
    humans, bots = (len(np.unique(points.account[is_bot == which])) for which in (False, True))
    if min(humans, bots) < _ISOTONIC_MIN:
        return fit_platt(raw, is_bot, points.weights()) or Platt()
    return fit_isotonic(raw, is_bot, points.weights(), (booster.lower_bound(), booster.upper_bound()))
