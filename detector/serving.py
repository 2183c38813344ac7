"""Which models judge: what the setting ``model_dir`` names, else the registry's champion, else the model that ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detector.contract.errors import UsageError
from detector.policy import policy_from
from detector.scoring import Judges, Scoring
from models import default, folder
from models.registry import Registry, load_version, read_registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from detector.policy import Policy
    from detector.settings import Settings
    from features.views import Catalogue
    from models import Model


def champion_of(settings: Settings) -> Model:
    """Load the model that decides; UsageError if it cannot."""
    if settings.model_dir is not None:
        return folder.load(settings.model_dir)
    version = read_registry(settings.registry_dir).champion
    return default() if version is None else load_version(settings.registry_dir, version)


class Bench:
    """Takes from the registry those who are to judge, ready to score; who judged stays for what does not fit.

    ``refused`` is told why.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue, refused: Callable[[UsageError], None]) -> None:
        self._settings, self._catalogue, self._refused = settings, catalogue, refused
        self._ready: dict[str, tuple[Scoring, Policy]] = {}

    def judges(self, now: Judges | None = None) -> Judges:
        """Say who judges by the registry as it is, after ``now``.

        At a start nobody judged before: then the last champion that fits does, or the model outside the registry.
        UsageError if that does not fit either.
        """
        try:
            registry = read_registry(self._settings.registry_dir)
        except UsageError as error:
            self._refused(error)
            if now is not None:
                return now
            registry = Registry()
        champion, policy = self._champion(registry, now)
        challengers = [self._challenger(version) for version in registry.challengers]
        judges = Judges(champion, policy, tuple(each for each in challengers if each is not None))
        used = {champion.version, *registry.challengers}
        self._ready = {version: ready for version, ready in self._ready.items() if version in used}
        return judges

    def _champion(self, registry: Registry, now: Judges | None) -> tuple[Scoring, Policy]:
        versions: tuple[str | None, ...] = (registry.champion,)
        if self._settings.model_dir is not None:
            if now is not None:
                return now.champion, now.policy
            versions = (None,)
        elif now is None:
            versions = (*reversed(registry.champions), None)
        for version in versions:
            try:
                return self._outside() if version is None else self._of_registry(version)
            except UsageError as error:
                if now is None and version is None:
                    raise
                self._refused(error)
        assert now is not None  # without, the last of the versions is None
        return now.champion, now.policy

    def _challenger(self, version: str) -> Scoring | None:
        try:
            return self._of_registry(version)[0]
        except UsageError as error:
            self._refused(error)
            return None

    def _outside(self) -> tuple[Scoring, Policy]:
        """Prepare the model outside the registry."""
        model_dir = self._settings.model_dir
        return self._prepared(default() if model_dir is None else folder.load(model_dir))

    def _of_registry(self, version: str) -> tuple[Scoring, Policy]:
        if version not in self._ready:
            self._ready[version] = self._prepared(load_version(self._settings.registry_dir, version))
        return self._ready[version]

    def _prepared(self, model: Model) -> tuple[Scoring, Policy]:
        """Do once what the first batch would else wait for: compile the trees, and load what explains them."""
        scoring, policy = (
            Scoring(self._catalogue, model, model.reference),
            policy_from(self._settings, model.thresholds),
        )
        nothing = np.zeros((1, len(model.feature_names)))
        model.score(nothing)
        model.explain(nothing)
        return scoring, policy
