"""Random numbers, drawn in blocks: one draw at a time from numpy would cost more than the event it is for."""

from collections.abc import Callable, Iterator, Sequence
from math import exp
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
BLOCK = 16_384


def _one_by_one(draw: Callable[[int], NDArray[np.float64]]) -> Iterator[float]:
    while True:
        yield from draw(BLOCK).tolist()


class Draws:
    """The one source of randomness of a simulation; the same seed draws the same numbers."""

    __slots__ = ("normal", "uniform")

    def __init__(self, *seed: int) -> None:
        streams = np.random.SeedSequence(seed).spawn(2)
        uniform, normal = (np.random.default_rng(stream) for stream in streams)
        self.uniform: Callable[[], float] = _one_by_one(lambda size: uniform.random(size)).__next__
        self.normal: Callable[[], float] = _one_by_one(lambda size: normal.standard_normal(size)).__next__

    def chance(self, share: float) -> bool:
        """Tell whether something that happens in this share of cases happens now."""
        return self.uniform() < share

    def pick(self, options: Sequence[T]) -> T:
        """Choose one, all equally likely."""
        return options[int(self.uniform() * len(options))]

    def between(self, low: float, high: float) -> float:
        """Draw evenly between two values."""
        return low + (high - low) * self.uniform()

    def lognormal(self, median: float, sigma: float) -> float:
        """Draw from the log-normal with this median."""
        return median * exp(sigma * self.normal())

    def bits(self, count: int) -> int:
        """Draw a whole number of at most 52 bits."""
        return int(self.uniform() * (1 << count))
