"""Tuning: a seeded search for how trees should grow, by what folds say of accounts they never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

Parameters = dict[str, float | int]

_STARTED_FROM: Final = (
    "learning_rate",
    "num_leaves",
    "min_data_in_leaf",
    "lambda_l2",
    "feature_fraction",
    "bagging_fraction",
)
LEAVES_MAX: Final = 63
"""Trees of more than 64 leaves would not run compiled."""


class Trial(msgspec.Struct, frozen=True):
    """Settings that were tried, and the mean log loss of accounts left out, at the best number of trees."""

    parameters: dict[str, float]
    loss: float


class Tuned(msgspec.Struct, frozen=True):
    """What a search came to; the first trial is of the settings it started from."""

    best: Trial
    tried: tuple[Trial, ...]


def tune(
    start: dict[str, Any],
    loss_of: Callable[[dict[str, Any]], float],
    trials: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Tuned:
    """Search with Optuna's TPE sampler for settings of less loss than ``start`` has; never worse than that.

    Source: Akiba et al., Optuna, KDD 2019; the sampler is that of Bergstra et al., 2011.
    """
    import optuna  # takes a second to import, and few ask for it

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tried: list[Trial] = []

    def objective(trial: Any) -> float:  # noqa: ANN401 -- Optuna's, imported late
        chosen: Parameters = {
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, LEAVES_MAX, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 5, 100, log=True),
            "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 30.0, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.1, 1.0),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.4, 1.0),
        }
        loss = loss_of(start | chosen)
        tried.append(Trial(chosen, loss))
        if progress is not None:
            progress(len(tried), trials)
        return loss

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial({name: start[name] for name in _STARTED_FROM})
    study.optimize(objective, n_trials=trials)
    return Tuned(min(tried, key=lambda trial: trial.loss), tuple(tried))
