"""How a feature is read from running totals; the expressions of `evaluate` are made of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import part
from features.arrays import NO_TIME
from features.intrinsics import ones
from features.places import DAYS, GAP_BINS, SLOT_MS, SLOTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAFE: Final = 4e18  # below this, products of totals fit 63 bits
_UNIT: Final = 2.0**-20  # of the sums of c·log2 c
_DAY_MS: Final = 86_400_000
_MIDDLES: Final = np.array([0.032, *(0.064 * 2.0 ** ((k - 1) * 0.5 + 0.25) for k in range(1, GAP_BINS))])
"""Of the bins of gaps, in seconds."""


@part
def short(shorts: NDArray[np.uint16], place: int) -> int:
    """Read a small count as an int that can go below zero."""
    return np.int64(shorts[place])  # type: ignore[return-value]


@part
def ratio(part: int, whole: int, empty: float) -> float:
    """Divide, where there is something to divide by."""
    return part / whole if whole != 0 else empty


@part
def repeats(distinct: int, n: int, empty: float) -> float:
    """Return the share of n that are not the only or last of their kind."""
    return 1 - distinct / n if n != 0 else empty


@part
def mean(n: int, total: int, scale: float, empty: float) -> float:
    """Return the mean."""
    return total / n * scale if n != 0 else empty


@part
def std(n: int, total: int, squares: int, scale: float, empty: float) -> float:
    """Return the population standard deviation: n·Σx² - (Σx)² is exact in integers where it fits."""
    if n == 0:
        return empty
    if float(n) * float(squares) < _SAFE:
        variance = float(np.int64(n) * squares - total * total) / (float(n) * float(n))
    else:  # values are so large that rounding does not show
        variance = max(0.0, (float(squares) - float(total) * (total / n)) / n)
    return float(np.sqrt(variance)) * scale


@part
def variation(n: int, total: int, squares: int, empty: float) -> float:
    """Return the coefficient of variation."""
    if n == 0 or total == 0:
        return empty
    return std(n, total, squares, 1.0, empty) / (total / n)


@part
def entropy(n: int, c_log_c: int, empty: float) -> float:
    """Return the entropy of a histogram in bits: log2 n - Σ c·log2 c / n."""
    return max(0.0, np.log2(n) - c_log_c * _UNIT / n) if n != 0 else empty


@part
def coincidence(n: int, squares: int, kinds: int, empty: float) -> float:
    """Return how often two of n fall in the same of k bins, against chance: k·Σ c·(c - 1) / (n·(n - 1))."""
    return kinds * float(squares - n) / (float(n) * float(n - 1)) if n > 1 else empty


@part
def surprise(shorts: NDArray[np.uint16], bins: int, size: int, n: int, c_log_c: int, empty: float) -> float:
    """Return H(row, column) - H(row) in bits of n in a table of size · size."""
    if n == 0:
        return empty
    rows = 0.0
    for k in range(size):
        c = add_up(shorts, bins + k * size, 1, size)
        rows += c * np.log2(c) if c > 0 else 0.0
    return max(0.0, (rows - c_log_c * _UNIT) / n)


@part
def least(shorts: NDArray[np.uint16], bins: int, count: int, width: int, n: int, empty: float) -> float:
    """Return the share of n in the ``width`` neighbouring bins, in a circle, that have the fewest."""
    if n == 0:
        return empty
    held = add_up(shorts, bins, 1, width)
    fewest = held
    for k in range(count - 1):
        held += short(shorts, bins + (k + width) % count) - short(shorts, bins + k)
        fewest = min(fewest, held)
    return fewest / n


@part
def quantile(shorts: NDArray[np.uint16], bins: int, count: int, n: int, share: float, empty: float) -> float:
    """Return the gap in seconds below which a share of n gaps lies, from their histogram (`places.gap_bin`).

    The middle of the bin, in proportion: at most 19 % off the true value, and 64 ms for gaps below that.
    """
    if n == 0:
        return empty
    wanted = np.int64(np.ceil(share * n))
    seen, k = np.int64(shorts[bins]), 0
    while seen < wanted and k < count - 1:
        k += 1
        seen += shorts[bins + k]
    return float(_MIDDLES[k])


@part
def add_up(shorts: NDArray[np.uint16], first: int, step: int, count: int) -> int:
    """Add ``count`` places that lie ``step`` apart."""
    total = 0
    for k in range(count):
        total += np.int64(shorts[first + step * k])  # type: ignore[assignment]
    return total


@part
def days(shorts: NDArray[np.uint16], first: int) -> int:
    """Add the last seven days."""
    return add_up(shorts, first, 1, DAYS)


@part
def days_ratio(days: int, first: int, newest: int) -> float:
    """Return a number of days for each day (UTC) between two times, theirs included."""
    return days / (newest // _DAY_MS - first // _DAY_MS + 1)


@part
def since(then: int, now: int, scale: float, empty: float) -> float:
    """Return the time from one moment to another, if both are known."""
    return (now - then) * scale if then != NO_TIME and now != NO_TIME else empty


@part
def latest(value: int, scale: float, empty: float) -> float:
    """Return a value that has been said, scaled."""
    return value * scale if value >= 0 else empty


@part
def active(words: NDArray[np.int64], ring: int) -> int:
    """Count the marks of a ring of three words."""
    return int(ones(np.uint64(words[ring])) + ones(np.uint64(words[ring + 1])) + ones(np.uint64(words[ring + 2])))


@part
def longest_run(words: NDArray[np.int64], ring: int, newest: int) -> int:
    """Return the longest run of marked ten minutes among those of the last 24 hours."""
    marks = active(words, ring)
    if marks <= 1:
        return marks
    longest, run, left = 0, 0, marks
    slot = newest // SLOT_MS
    while left > 0 and longest < left + run:  # what is left cannot make a longer one otherwise
        place = slot % SLOTS
        if (np.uint64(words[ring + (place >> 6)]) >> np.uint64(place & 63)) & np.uint64(1):
            run += 1
            left -= 1
            longest = max(longest, run)
        else:
            run = 0
        slot -= 1
    return longest
