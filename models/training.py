"""Training: from vectors along labelled histories to trees and their calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import lightgbm as lgb
import numpy as np

from models.calibration import Calibration, Platt, fit_isotonic, fit_platt
from models.label_doubt import doubting
from models.split import FOLDS, Side
from models.tuning import Tuned, tune
from models.vector_file import ROWS, VectorFile, pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.history import Accounts, Points
    from models.split import Split

_ROUNDS_MIN: Final = 50
_ROUNDS_MIN_SMALL: Final = 300  # the loss of few accounts has its minimum early and by chance; ranking still gains
_ISOTONIC_MIN: Final = 300  # accounts of each class; below it isotonic regression fits noise
_SMALL: Final = 500  # accounts of the rarer class; below it trees are small and see few features at a time
_THREADS: Final = 2  # fixed, because the order in which LightGBM adds up its histograms is part of the result


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may choose about training."""

    seed: int = 0
    rounds: int = 400
    learning_rate: float = 0.05
    resamples: int = 200
    """Resamples of the accounts behind the card's intervals."""
    doubt_labels: bool = False
    """Whether labels that trees of other accounts contradict count half (`models.label_doubt`)."""
    trials: int = 0
    """Settings of the trees to try before training; 0 takes those that are given."""
    progress: Callable[[int, int], None] | None = field(default=None, compare=False)
    """Told of the trials done, and of all."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Trees with their calibration, and how they came about."""

    model_text: str
    calibration: Calibration
    rounds: int
    gains: NDArray[np.float64]
    """How much of the trees' gain each feature brought; they add up to 1."""
    without_fold: tuple[str, ...]
    """Trees that never saw one fold, in the order of the folds: what the model would have said of it."""
    unseen: NDArray[np.float64]
    """What those trees say of each point, in log-odds, shape (n,): no tree saw the account it judges."""
    of_older: str
    """Trees that saw the older accounts only."""
    tuned: Tuned | None = None
    """What a search for settings came to, where one was asked for."""
    doubted: int | None = None
    """How many labels counted half, where that was asked for."""


def fit(points: Points, accounts: Accounts, split: Split, features: tuple[str, ...], options: Options) -> Fitted:
    """Train on everything; settle the number of trees and the calibration by what folds say of those left out."""
    fold = split.fold[points.account]
    parameters, tuned = _parameters(options, accounts), None
    if options.trials:

        def loss_of(chosen: dict[str, Any]) -> float:
            _, losses = _folds(points, accounts, fold, features, chosen, options.rounds)
            return float(losses[_rounds(losses, accounts) - 1])

        tuned = tune(parameters, loss_of, options.trials, options.seed, options.progress)
        parameters |= tuned.best.parameters
    held, doubted = _held_out(points, accounts, fold, features, parameters, options.rounds), None
    if options.doubt_labels:
        ends = np.flatnonzero(points.nth == accounts.events[points.account])
        accounts, doubted = doubting(accounts, 1 / (1 + np.exp(-held.raw[ends])))
        held = _held_out(points, accounts, fold, features, parameters, options.rounds)
    older = split.on(Side.OLDER)[points.account]
    of_older, _ = _train(points, accounts, features, older, parameters, held.rounds)
    final, _ = _train(points, accounts, features, np.ones(len(fold), np.bool_), parameters, held.rounds)
    gains = final.feature_importance("gain")
    return Fitted(
        model_text=final.model_to_string(),
        calibration=_calibrate(held.raw, points, accounts, (final.lower_bound(), final.upper_bound())),
        rounds=held.rounds,
        gains=gains / max(gains.sum(), 1e-12),
        without_fold=held.texts,
        unseen=held.raw,
        of_older=of_older.model_to_string(),
        tuned=tuned,
        doubted=doubted,
    )


@dataclass(frozen=True, slots=True)
class _HeldOut:
    """Trees that never saw one fold, in the order of the folds, how many, and what they say of the points in it."""

    texts: tuple[str, ...]
    rounds: int
    raw: NDArray[np.float64]


def _held_out(
    points: Points,
    accounts: Accounts,
    fold: NDArray[np.int8],
    features: tuple[str, ...],
    parameters: dict[str, Any],
    rounds_max: int,
) -> _HeldOut:
    boosters, losses = _folds(points, accounts, fold, features, parameters, rounds_max)
    rounds = _rounds(losses, accounts)
    texts = tuple(booster.model_to_string(num_iteration=rounds) for booster in boosters)
    raw = np.empty(len(points.account))
    for k, text in enumerate(texts):
        raw[fold == k] = _raw(lgb.Booster(model_str=text), points, fold == k)
    return _HeldOut(texts, rounds, raw)


def _folds(
    points: Points,
    accounts: Accounts,
    fold: NDArray[np.int8],
    features: tuple[str, ...],
    parameters: dict[str, Any],
    rounds: int,
) -> tuple[list[lgb.Booster], NDArray[np.float64]]:
    """Train without each fold in turn; also give the mean loss after each round of the points left out."""
    boosters, losses = [], np.zeros(rounds)
    for k in range(FOLDS):
        booster, loss = _train(points, accounts, features, fold != k, parameters, rounds, held_out=fold == k)
        boosters.append(booster)
        losses += loss
    return boosters, losses / points.weights().sum()


def _rounds(losses: NDArray[np.float64], accounts: Accounts) -> int:
    """Choose how many trees: where the loss is least, but not very few."""
    least = _ROUNDS_MIN_SMALL if _is_small(accounts) else _ROUNDS_MIN
    return max(int(losses.argmin()) + 1, min(least, len(losses)))


def _is_small(accounts: Accounts) -> bool:
    bots = int(accounts.is_bot.sum())
    return min(bots, len(accounts) - bots) < _SMALL


def _parameters(options: Options, accounts: Accounts) -> dict[str, Any]:
    small = _is_small(accounts)
    return {
        "objective": "binary",
        "learning_rate": options.learning_rate,
        "num_leaves": 8 if small else 31,
        "min_data_in_leaf": 10 if small else 20,
        "lambda_l2": 3.0,
        "feature_fraction": 0.35 if small else 0.5,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "seed": options.seed,
        "num_threads": _THREADS,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def _train(
    points: Points,
    accounts: Accounts,
    features: tuple[str, ...],
    rows: NDArray[np.bool_],
    parameters: dict[str, Any],
    rounds: int,
    held_out: NDArray[np.bool_] | None = None,
) -> tuple[lgb.Booster, NDArray[np.float64]]:
    """Train on some rows; also give the loss on those held out after each round, times their weight."""
    train_set = _dataset(points, accounts, features, rows)
    losses: dict[str, dict[str, list[float]]] = {}
    given: dict[str, Any] = {}
    weight = 0.0
    if held_out is not None and held_out.any():
        given["valid_sets"] = [_dataset(points, accounts, features, held_out, reference=train_set)]
        given["callbacks"] = [lgb.record_evaluation(losses)]
        weight = float(_weights(points, accounts)[held_out].sum())
    booster = lgb.train(parameters, train_set, num_boost_round=rounds, **given)
    loss = np.array(losses["valid_0"]["binary_logloss"]) if losses else np.zeros(rounds)
    return booster, weight * np.pad(loss, (0, rounds - len(loss)), "edge")


def _dataset(
    points: Points,
    accounts: Accounts,
    features: tuple[str, ...],
    rows: NDArray[np.bool_],
    reference: lgb.Dataset | None = None,
) -> lgb.Dataset:
    is_bot, weights = accounts.is_bot[points.account][rows], _weights(points, accounts)[rows]
    vectors = points.vectors
    return _Dataset(
        _Chosen(vectors, np.flatnonzero(rows)) if isinstance(vectors, VectorFile) else vectors[rows],
        is_bot.astype(float),
        weight=weights * _class_weights(is_bot, weights),
        feature_name=list(features),
        reference=reference,
    )


class _Dataset(lgb.Dataset):
    """Leaves out the same features whether vectors are in memory or come in pieces.

    LightGBM drops those that no leaf could be parted by, and of vectors in pieces forgets how small a leaf may be.
    """

    def get_params(self) -> dict[str, Any]:
        known = self.params or {}
        return super().get_params() | {name: known[name] for name in ("min_data_in_leaf",) if name in known}


class _Chosen(lgb.Sequence):
    """Rows of a file as LightGBM asks for them: some to find the bins, then all in turn."""

    batch_size = ROWS

    def __init__(self, vectors: VectorFile, rows: NDArray[np.int64]) -> None:
        self._vectors, self._rows = vectors, rows

    def __getitem__(self, place: int | slice | list[int]) -> NDArray[np.float64]:
        return self._vectors[self._rows[place]]

    def __len__(self) -> int:
        return len(self._rows)


def _weights(points: Points, accounts: Accounts) -> NDArray[np.float64]:
    weights = points.weights()
    return weights if accounts.weight is None else weights * accounts.weight[points.account]


def _class_weights(is_bot: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    # Half way, in proportions, to balance: the trees see the rare class, and calibration has little to undo.
    bots, humans = weights[is_bot].sum(), weights[~is_bot].sum()
    if not (bots > 0 and humans > 0):
        return np.ones(len(weights))
    return (
        np.where(is_bot, np.sqrt(humans / bots), 1.0)
        if bots < humans
        else np.where(is_bot, 1.0, np.sqrt(bots / humans))
    )


def _raw(booster: lgb.Booster, points: Points, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    parts = [
        np.asarray(booster.predict(piece, raw_score=True, num_threads=1), np.float64)
        for piece in pieces(points.vectors, np.flatnonzero(rows))
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def _calibrate(
    raw: NDArray[np.float64], points: Points, accounts: Accounts, raw_bounds: tuple[float, float]
) -> Calibration:
    """Calibrate on what was said of points by trees that had not seen their accounts."""
    is_bot = accounts.is_bot[points.account]
    bots = int(accounts.is_bot.sum())
    if min(bots, len(accounts) - bots) < _ISOTONIC_MIN:
        return fit_platt(raw, is_bot, _weights(points, accounts)) or Platt()
    bounds = min(raw_bounds[0], float(raw.min())), max(raw_bounds[1], float(raw.max()))
    return fit_isotonic(raw, is_bot, _weights(points, accounts), bounds)
