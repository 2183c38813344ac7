"""The system clock as it was set: Bytewax wakes a source by it, so one that is set back stops all reading.

Bytewax keeps the time of day at which a source wants to be asked again, and does not ask before, though that moment
has gone away by an hour. Nothing in the worker can mend it, so the launcher looks, and starts the workers again.
"""

from __future__ import annotations

import time
from typing import Final

SET_BACK_SECONDS: Final = 0.5
"""Less is waited for; what disciplines a clock does not step it but slows it down."""


class SystemClock:
    """Notices when the clock is set back, for it compares it with one that nobody can set."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def set_back(self) -> str | None:
        """Say that the clock was set back since the last question, or None."""
        ahead = time.time() - time.monotonic()
        seconds, self._ahead = self._ahead - ahead, ahead
        if seconds < SET_BACK_SECONDS:
            return None
        return f"the system clock was set back by {seconds:.1f} s, and the workers would not read before that is over"
