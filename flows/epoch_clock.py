"""When an epoch is about to end: what is written then leaves little for its end, which the stream waits for."""

from __future__ import annotations

import math
import time
from typing import Final

_SOON: Final = 0.9
"""Of an epoch's length: what is left of a second is about what a write beside the stream takes on busy processors."""


class EpochClock:
    """Follows the epochs of one step; without a length they never end soon."""

    def __init__(self, epoch_seconds: float = math.inf) -> None:
        self._seconds = epoch_seconds
        self.begin()

    def begin(self) -> None:
        """Note that an epoch begins."""
        self._soon_at = time.monotonic() + _SOON * self._seconds

    def ends_soon(self) -> bool:
        """Tell, once in each epoch, that it is about to end."""
        soon = time.monotonic() >= self._soon_at
        if soon:
            self._soon_at = math.inf
        return soon
