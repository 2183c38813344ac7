"""What is kept for an account's whole life: words of counts and sums, histograms, and the constants that say where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from features.vocabulary import LIFE_CATEGORIES, LIFE_VALUE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class Histogram(NamedTuple):
    """Places (shorts, without their base) of bins and of how many are not empty, word of Σ c·log2 c, and the total.

    For life how many are not empty is not kept, but the word of Σ c².
    """

    bins: int
    kinds: int
    c_log_c: str
    total: str
    squares: str = ""


class LifePlan:
    """Collects what aggregates ask for over an account's life, each thing once; given who gives words and shorts."""

    def __init__(self, take_words: Callable[[int], int], take_shorts: Callable[[int], int]) -> None:
        self._take_words, self._take_shorts = take_words, take_shorts
        self._counts: dict[int, int] = {}
        self._sums: dict[int, int] = {}
        self._histograms: dict[tuple[int, int], tuple[int, int]] = {}

    def count(self, bit: int) -> str:
        """Count the events with a bit."""
        if bit not in self._counts:
            self._counts[bit] = self._take_words(1)
        return f"s.words[r + {self._counts[bit]}]"

    def total(self, value: str, bit: int) -> tuple[str, str]:
        """Add up a value, and its squares, over the events with a bit."""
        if value != LIFE_VALUE:
            raise ValueError(f"over a life only {LIFE_VALUE!r} is added up, a feature asks for {value!r}")
        if bit not in self._sums:
            self._sums[bit] = self._take_words(2)
        return f"s.words[r + {self._sums[bit]}]", f"s.words[r + {self._sums[bit] + 1}]"

    def histogram(self, category: str, bit: int) -> Histogram:
        """Count the events with a bit by category."""
        pair = (list(LIFE_CATEGORIES).index(category), bit)
        if pair not in self._histograms:
            self._histograms[pair] = (self._take_shorts(LIFE_CATEGORIES[category]), self._take_words(3))
        bins, word = self._histograms[pair]
        total, squares, c_log_c = (f"s.words[r + {word + k}]" for k in range(3))
        return Histogram(bins, -1, c_log_c, total, squares)

    def constants(self, shorts_at: int) -> dict[str, Any]:
        """Say where everything is."""
        counts = np.zeros(64, np.int64)
        counts[list(self._counts)] = list(self._counts.values())
        categories = list(LIFE_CATEGORIES.values())
        return {
            "LIFE_COUNTS": np.uint64(mask(self._counts)),
            "LIFE_COUNT_PLACES": counts,
            "LIFE_SUM_COUNT": len(self._sums),
            "LIFE_SUM_MASKS": masks(list(self._sums)),
            "LIFE_SUM_PLACES": table(list(self._sums.values())),
            "LIFE_BINS_COUNT": len(self._histograms),
            "LIFE_BINS_CATEGORIES": table([category for category, _ in self._histograms]),
            "LIFE_BINS_MASKS": masks([bit for _, bit in self._histograms]),
            "LIFE_BINS_SIZES": table([categories[category] for category, _ in self._histograms]),
            "LIFE_BINS_PLACES": table([shorts_at + place for place, _ in self._histograms.values()]),
            "LIFE_BINS_WORDS": table([word for _, word in self._histograms.values()]),
        }


def mask(bits: Any) -> int:  # noqa: ANN401  # any collection of them
    """Set these bits."""
    return sum(1 << bit for bit in bits)


def masks(bits: list[int]) -> NDArray[np.uint64]:
    """Make a mask of each bit, for a kernel: never empty."""
    return np.array([1 << bit for bit in bits] or [0], np.uint64)


def table(values: list[int]) -> NDArray[np.int64]:
    """Make a table for a kernel: never empty."""
    return np.array(values or [0], np.int64)
