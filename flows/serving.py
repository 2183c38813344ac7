"""The models of a running stream: read again when the registry changes, beside the stream, and taken up whole."""

from __future__ import annotations

import logging
import threading
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from detector.serving import Bench
from flows import metrics
from models.bank import stamp
from models.registry import POINTER

if TYPE_CHECKING:
    from detector.contract.errors import UsageError
    from detector.scoring import Judges
    from detector.settings import Settings
    from features.views import Catalogue

LOOK_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class Serving:
    """Says who judges, at any time: a worker asks at every batch, and so changes between two of them and never within.

    Loading and compiling take a second or two; that is done on a thread of its own.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        _log.setLevel(logging.INFO)  # who decides about people is said also when little else is
        self._pointer = settings.registry_dir / POINTER
        self._bench = Bench(settings, catalogue, self._refused)
        self._stamp = stamp(self._pointer)
        self._judges = self._bench.judges()
        metrics.record_model(version("gillnet"), self._judges.champion.version, None)

    def judges(self) -> Judges:
        """Say who judges now."""
        return self._judges

    def look(self) -> bool:
        """Read the registry if its pointer is another file than it was; whether it was."""
        if (now := stamp(self._pointer)) == self._stamp:
            return False
        self._stamp = now
        before, self._judges = self._judges, self._bench.judges(self._judges)
        self._tell(before, self._judges)
        return True

    def watch(self) -> None:
        """Look from now on, once a second, until the process ends."""

        def keep_looking() -> None:
            while not idle.wait(LOOK_SECONDS):
                self.look()

        idle = threading.Event()
        threading.Thread(target=keep_looking, name="registry", daemon=True).start()

    def _tell(self, before: Judges, now: Judges) -> None:
        if now.champion.version != before.champion.version:
            metrics.record_model(version("gillnet"), now.champion.version, before.champion.version)
            _log.info("model %s decides from now on, and no longer %s", now.champion.version, before.champion.version)
        shadow = ", ".join(each.version for each in now.challengers)
        if now.challengers != before.challengers:
            _log.info("in shadow: %s", shadow or "no model")

    def _refused(self, error: UsageError) -> None:
        metrics.record_model_refused()
        _log.error("a model was refused, and whoever judged before goes on: %s", error)
