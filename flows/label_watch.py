"""How well scores agree with labels, once an hour and beside the stream: on a thread of the launcher's."""

from __future__ import annotations

import logging
import re
import threading
from datetime import date
from typing import TYPE_CHECKING, Final, Self

from detector.contract.errors import GillnetError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from detector.label_calibration import LabelCalibration

HOUR_SECONDS: Final = 3600.0
_QUERY_SECONDS: Final = 120.0
_MEMORY: Final = "512MB"
_DAY: Final = re.compile(r"date=(\d{4}-\d{2}-\d{2})")
_log = logging.getLogger(__name__)


class LabelWatch:
    """Measures as long as its ``with`` block lasts, and tells what it found; None where labels say nothing."""

    def __init__(
        self, lake_dir: Path, tell: Callable[[LabelCalibration | None], None], every_seconds: float = HOUR_SECONDS
    ) -> None:
        self._lake_dir, self._tell, self._every_seconds = lake_dir, tell, every_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="label-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join(_QUERY_SECONDS)  # a query that still runs as the process ends would end in DuckDB's own way

    def _watch(self) -> None:
        while not self._over.wait(self._every_seconds):
            self._tell(self._measure())

    def _measure(self) -> LabelCalibration | None:
        newest = self._newest_day()
        if newest is None:
            return None
        from detector.label_calibration import label_calibration
        from detector.sql import Lake, Limits

        try:
            lake = Lake(self._lake_dir, Limits(memory=_MEMORY, threads=1, seconds=_QUERY_SECONDS))
            return label_calibration(lake, newest)
        except GillnetError as error:  # the stream does not wait for this, and does not end for it
            _log.warning("labels were not compared with scores this hour: %s", error)
            return None

    def _newest_day(self) -> date | None:
        """Find the newest day of which there are scores."""
        found = (_DAY.fullmatch(folder.name) for folder in self._lake_dir.glob("scores/date=*"))
        return max((date.fromisoformat(day[1]) for day in found if day), default=None)
