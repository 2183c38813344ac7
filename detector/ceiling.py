"""A ceiling on what a state holds: when there is more, the most idle is forgotten before its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sized

UNLIMITED: Final = 2**62
_AT_ONCE: Final = 4096
_ANY: Final = 2**62
_SHRINK, _RELAX, _EASY = 4, 2, 8


class Ceiling:
    """How many may be held, and how idle those that went last had to be.

    What goes is idle for longer than what stays, to a factor of four: idle for the longest time first, and for less
    and less until there is room. Among those idle for long enough it is the sweep's hand that chooses.
    """

    def __init__(self, held_max: int, idle_ms_max: int) -> None:
        self._held_max, self._idle_ms_max = held_max, idle_ms_max
        self._idle_ms, self._most = idle_ms_max, 0
        self.forgotten = 0
        """How many went because of it."""

    def exceeded(self, held: Sized) -> bool:
        """Say whether there are too many; to be asked whenever some were added."""
        self._most = max(self._most, len(held))
        return len(held) > self._held_max

    def keep(self, held: Sized, at_ms: int, sweep: Callable[[int, int], object]) -> None:
        """Make room; ``sweep(before_ms, steps)`` looks at so many more and forgets those idle since before a time."""
        before_ms = at_ms - self._idle_ms
        while len(held) > self._held_max:
            known = len(held)
            looked = self._turn(held, before_ms, sweep)
            self.forgotten += known - len(held)
            if len(held) <= self._held_max:
                if looked * _EASY < self._most:
                    self._idle_ms = min(max(self._idle_ms, 1) * _RELAX, self._idle_ms_max)
            elif before_ms == _ANY:
                return  # the sweep may not forget any that is left
            elif self._idle_ms:
                self._idle_ms //= _SHRINK
                before_ms = at_ms - self._idle_ms
            else:
                before_ms = _ANY

    def _turn(self, held: Sized, before_ms: int, sweep: Callable[[int, int], object]) -> int:
        """Look at all, or until there is room; at how many."""
        looked = 0
        while looked < self._most and len(held) > self._held_max:
            sweep(before_ms, _AT_ONCE)
            looked += _AT_ONCE
        return looked
