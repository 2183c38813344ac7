"""A model: trees, calibration and thresholds; what scores and explains feature vectors."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.calibration import Calibration
from models.compiled_trees import CompiledTrees, NotCompiled, compile_trees, rows_of
from models.tree_shap import TreeShap, compile_shap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.drift import Reference

STEPS: Final = ("review", "challenge", "limit", "block")
"""The verdicts a threshold stands before, from mild to severe."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Model:
    """Scores vectors of its own features, in their order, as calibrated bot probabilities.

    Its trees run and explain themselves compiled; LightGBM is loaded only where ``fallback`` says that they do not.
    """

    version: str
    feature_names: tuple[str, ...]
    thresholds: dict[str, float]
    calibration: Calibration
    model_text: str = field(repr=False)
    reference: Reference | None = field(default=None, repr=False)
    """What it was trained on, for comparison; None where its folder does not say."""

    def score(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated bot probabilities, shape (n,), of vectors of shape (n, F)."""
        return self.calibration.probabilities(self.raw_scores(vectors))

    def judge(self, vectors: NDArray[np.float64], account: NDArray[np.int64]) -> NDArray[np.float64]:
        """Score vectors, whosever they are."""
        del account
        return self.score(vectors)

    def raw_scores(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the trees' sums in log-odds, before calibration."""
        if isinstance(self._trees, CompiledTrees):
            return self._trees.raw_scores(vectors)
        return self._predict(vectors, raw_score=True)

    def explain(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each feature's contribution in log-odds (SHAP values), shape (n, F)."""
        if isinstance(self._shap, TreeShap):
            return self._shap.contributions(vectors)
        return self._predict(vectors, pred_contrib=True)[:, :-1]  # the last column is the bias

    @property
    def fallback(self) -> str | None:
        """Why the trees do not run compiled; None when they do."""
        return self._trees.reason if isinstance(self._trees, NotCompiled) else None

    @cached_property
    def _trees(self) -> CompiledTrees | NotCompiled:
        trees = compile_trees(self.model_text)
        if isinstance(trees, NotCompiled):
            _log.warning("model %s scores slowly, with LightGBM's predict: %s", self.version, trees.reason)
        return trees

    @cached_property
    def _shap(self) -> TreeShap | NotCompiled:
        return compile_shap(self.model_text)

    @cached_property
    def _booster(self) -> Any:  # noqa: ANN401  # LightGBM is imported late, and carries no types
        import lightgbm  # seconds to import, and compiled trees do without

        return lightgbm.Booster(model_str=self.model_text)

    def _predict(self, vectors: NDArray[np.float64], **how: bool) -> NDArray[np.float64]:
        width = len(self.feature_names)
        rows = rows_of(vectors, width)
        if not len(rows):
            return np.empty((0, width + 1)) if "pred_contrib" in how else np.empty(0)
        return np.asarray(self._booster.predict(rows, num_threads=1, **how), np.float64)


@dataclass(frozen=True)
class FoldModels:
    """Models of which each scores the accounts of the fold that it never saw; ``fold`` is by account, shape (m,)."""

    models: tuple[Model, ...]
    fold: NDArray[np.int8]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns they read."""
        return self.models[0].feature_names

    def judge(self, vectors: NDArray[np.float64], account: NDArray[np.int64]) -> NDArray[np.float64]:
        """Score each vector by the model that never saw its account."""
        scores, fold = np.empty(len(account)), self.fold[account]
        for k, model in enumerate(self.models):
            scores[fold == k] = model.score(np.ascontiguousarray(vectors[fold == k]))
        return scores
