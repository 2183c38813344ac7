"""Paraphrase campaigns: messages of several accounts that say the same in other words.

Near duplicates are found one by one as they come (`detector.campaigns`). Rewordings are not alike enough for that; they
are looked for from time to time, among the messages that are suspicious already, by their vectors. How alike they have
to be is chosen anew each time, from what as many benign messages have in common by chance: target-decoy estimation
(J. Elias and S. Gygi, "Target-decoy search strategy", 2007), so that at most a stated share of what is found is false.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from detector.contract.times import DAY_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

FALSE_DISCOVERIES: Final = 0.05
SENDERS_MIN: Final = 3
NEIGHBOURS_MIN: Final = 2
"""Messages of other accounts that one must be like to hold others together; else chains would grow."""
WINDOW_MS: Final = 30 * DAY_MS
COSINES: Final = np.round(np.arange(0.95, 0.495, -0.01), 2)
"""Thresholds tried, the most careful first."""
_ROWS: Final = 1_024


class Messages(NamedTuple):
    """n messages, at most one of each group of near duplicates, and none so short that many people say it."""

    vectors: NDArray[np.float32]
    """(n, dimensions): unit vectors of one encoder."""
    senders: NDArray[np.uint64]
    """(n,): keys of accounts."""
    ts: NDArray[np.int64]
    """(n,): event times in ms."""


@dataclass(frozen=True, slots=True)
class Paraphrases:
    """What was found among n messages."""

    clusters: NDArray[np.int32]
    """(n,): the cluster of each, counted from 0 by their first message; -1 for none."""
    cosine_min: float
    """From which cosine on messages were taken as alike; above 1 if nothing was found."""
    false_discovery_rate: float
    """Estimated share of messages in clusters that would be in one by chance; 0 if nothing was found."""


class _Pairs(NamedTuple):
    """Pairs of messages of two accounts that are at all alike."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    cosines: NDArray[np.float32]


def find_paraphrases(
    suspicious: Messages,
    benign: Messages,
    false_discovery_rate: float = FALSE_DISCOVERIES,
    window_ms: int = WINDOW_MS,
) -> Paraphrases:
    """Find clusters of suspicious messages by `SENDERS_MIN` accounts or more, sent within a time of each other.

    ``benign`` are messages of accounts nobody suspects, at least as many and from about the same time; the first n are
    used. The lowest threshold is taken at which the messages that cluster among those are at most the given share of
    those that do among the suspicious. Takes time and memory with the square of n: 8,000 messages are a few seconds.

    ValueError if there are fewer benign messages than suspicious ones.
    """
    count = len(suspicious.ts)
    if len(benign.ts) < count:
        msg = f"expected at least {count} benign messages, as many as suspicious ones, got {len(benign.ts)}"
        raise ValueError(msg)
    decoys = Messages(benign.vectors[:count], benign.senders[:count], benign.ts[:count])
    pairs, by_chance = _alike(suspicious, window_ms), _alike(decoys, window_ms)
    best = Paraphrases(np.full(count, -1, np.int32), float(np.nextafter(1, 2)), 0.0)
    for cosine in COSINES.tolist():
        clusters = _clusters(pairs, cosine, suspicious.senders)
        found = np.count_nonzero(clusters >= 0)
        false = np.count_nonzero(_clusters(by_chance, cosine, decoys.senders) >= 0)
        rate = (false + 1) / found if found else 1.0  # one more: that none was seen does not mean that none is
        if rate <= false_discovery_rate:
            best = Paraphrases(clusters, cosine, rate)
        elif false > false_discovery_rate * count:
            break
    return best


def _alike(messages: Messages, window_ms: int) -> _Pairs:
    vectors, senders, ts = messages
    parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))]
    for first in range(0, len(ts), _ROWS):
        rows = slice(first, first + _ROWS)
        cosines = vectors[rows] @ vectors[first:].T
        left, right = np.nonzero(cosines >= COSINES[-1])
        kept = left < right
        left, right = left[kept] + first, right[kept] + first
        apart = (senders[left] != senders[right]) & (np.abs(ts[left] - ts[right]) <= window_ms)
        left, right = left[apart], right[apart]
        parts.append((left, right, cosines[left - first, right - first]))
    return _Pairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _clusters(pairs: _Pairs, cosine_min: float, senders: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Cluster by density (DBSCAN; M. Ester et al., 1996): cores that are alike, and what is like a core."""
    count, alike = len(senders), pairs.cosines >= cosine_min
    left, right = pairs.left[alike], pairs.right[alike]
    is_core = np.bincount(np.concatenate([left, right]), minlength=count) >= NEIGHBOURS_MIN
    inner = is_core[left] & is_core[right]
    roots = _components(count, left[inner], right[inner])
    member = np.where(is_core, roots, -1)
    for one, other in ((left, right), (right, left)):
        edge = is_core[one] & ~is_core[other] & (member[other] < 0)
        member[other[edge]] = roots[one[edge]]
    rows = np.flatnonzero(member >= 0)
    distinct = np.unique(np.stack([member[rows].astype(np.uint64), senders[rows]]), axis=1)[0].astype(np.int64)
    large = np.bincount(distinct, minlength=count) >= SENDERS_MIN
    kept = (member >= 0) & large[member]
    numbers = np.full(count, -1, np.int32)
    _, begins, places = np.unique(member[kept], return_index=True, return_inverse=True)
    numbers[kept] = np.argsort(np.argsort(begins))[places]
    return numbers


def _components(count: int, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each of ``count`` things the first of those that pairs connect it with."""
    roots = np.arange(count)
    while True:
        least = np.minimum(roots[left], roots[right])
        before = roots.copy()
        for side in (left, right):
            np.minimum.at(roots, roots[side], least)
            np.minimum.at(roots, side, least)
        roots = roots[roots]
        if np.array_equal(roots, before):
            return roots
