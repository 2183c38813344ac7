"""Models on a catalogue's vectors: the champion, by whose scores accounts are judged, and challengers beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from detector.contract.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from detector.policy import Policy
    from features.views import Catalogue, Feature
    from models.drift import Reference


class Scorer(Protocol):
    """What the engine needs of a model."""

    @property
    def version(self) -> str:
        """Name the model by its content."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Name the columns it reads, in order."""

    def score(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated bot probabilities, shape (n,), of vectors of shape (n, F)."""

    def explain(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return contributions in log-odds, shape (n, F)."""


class Scoring:
    """A model that is given whole vectors of a catalogue; UsageError if it reads what that does not compute.

    ``reference`` is what it was trained on, where that is known.
    """

    def __init__(self, catalogue: Catalogue, model: Scorer, reference: Reference | None = None) -> None:
        self.model, self.reference = model, reference
        self._inputs = _inputs(catalogue, model)
        self._reads_all = model.feature_names == catalogue.names
        self.features: list[Feature] = [catalogue.features[place] for place in self._inputs]

    @property
    def version(self) -> str:
        """Name the model."""
        return self.model.version

    def read(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Select the columns the model reads; mostly all of them, in order."""
        return vectors if self._reads_all else vectors[:, self._inputs]

    def score(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated bot probabilities, shape (n,)."""
        return self.model.score(self.read(vectors))


@dataclass(frozen=True, slots=True)
class Judges:
    """What judges a batch, from its first event to its last."""

    champion: Scoring
    policy: Policy
    challengers: tuple[Scoring, ...] = ()
    """Their scores are kept and have no effect."""


def _inputs(catalogue: Catalogue, model: Scorer) -> list[int]:
    missing = sorted(set(model.feature_names) - set(catalogue.names))
    if missing:
        msg = (
            f"model {model.version} reads features this catalogue does not compute: {', '.join(missing)}; "
            "train it again with `gillnet train`, or set model_dir to a model of this version"
        )
        raise UsageError(msg)
    return [catalogue.names.index(n) for n in model.feature_names]
