"""The policy: thresholds on the score and how long each verdict lasts; from scores to verdicts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detector.contract.errors import UsageError
from detector.contract.jit import kernel
from detector.contract.times import HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from detector.settings import Settings

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Policy:
    """When an account is judged and what follows from its score.

    A verdict rises at once when the score reaches a higher threshold. It falls only when its time is over, so that a
    score that wavers around a threshold does not make decisions by the second.
    """

    thresholds: tuple[float, float, float, float]
    """Lowest score for review, challenge, limit and block; rising."""
    durations_ms: tuple[int, int, int, int]
    """How long each of them lasts."""
    events_min: int
    """An account with fewer events is never judged."""
    shadow: bool

    @property
    def version(self) -> str:
        """Name the policy by its content, so that equal policies have equal versions."""
        content = repr((self.thresholds, self.durations_ms, self.events_min)).encode()
        return hashlib.blake2b(content, digest_size=6).hexdigest()


def policy_from(settings: Settings, model_thresholds: Mapping[str, float]) -> Policy:
    """Take thresholds from the settings or else from the model's card; UsageError if they do not rise."""
    names = ("review", "challenge", "limit", "block")
    chosen = [getattr(settings, f"{n}_threshold") for n in names]
    thresholds = [model_thresholds[n] if c is None else c for n, c in zip(names, chosen, strict=True)]
    if thresholds != sorted(thresholds):
        got = ", ".join(f"{n} {t:g}" for n, t in zip(names, thresholds, strict=True))
        msg = f"thresholds must rise from review to block, got {got}: set the *_threshold settings together"
        raise UsageError(msg)
    hours = [getattr(settings, f"{n}_hours") for n in names]
    durations = [int(h * HOUR_MS) for h in hours]
    return Policy(
        thresholds=(thresholds[0], thresholds[1], thresholds[2], thresholds[3]),
        durations_ms=(durations[0], durations[1], durations[2], durations[3]),
        events_min=settings.events_min,
        shadow=settings.shadow,
    )


class Standings(NamedTuple):
    """Where each account stands; arrays of shape (S,), times in epoch ms."""

    verdict: NDArray[np.int8]
    expires: NDArray[np.int64]
    events: NDArray[np.int64]
    """Events processed in the account's life."""
    newest: NDArray[np.int64]


class Changes(NamedTuple):
    """Changes of verdict in the order they happened; arrays of shape (C,)."""

    row: NDArray[np.int64]
    expired: NDArray[np.bool_]
    previous: NDArray[np.int8]
    verdict: NDArray[np.int8]
    at_ms: NDArray[np.int64]
    """Event time of the change: the account's newest event, or the moment of expiry."""


def new_standings(size: int) -> Standings:
    """Start with every account allowed."""
    return Standings(
        verdict=np.zeros(size, np.int8),
        expires=np.full(size, NEVER),
        events=np.zeros(size, np.int64),
        newest=np.full(size, np.iinfo(np.int64).min),
    )


def judge(
    policy: Policy,
    standings: Standings,
    slots: NDArray[np.int64],
    ts: NDArray[np.int64],
    scores: NDArray[np.float64],
    ttl_ms: int,
) -> tuple[NDArray[np.int8], Changes]:
    """Judge processed events in order: return the verdict after each, shape (n,), and what changed.

    The events of an account that was idle for ``ttl_ms`` are counted anew.

    An expiry found on the way is its own change, before whatever the event brings: the same two changes as when the
    watermark had reached the expiry first, so decisions do not depend on how events were batched.
    """
    after = np.empty(len(slots), np.int8)
    found = np.empty((2 * len(slots), 5), np.int64)
    thresholds, durations = np.array(policy.thresholds), np.array(policy.durations_ms, np.int64)
    n = _judge(standings, slots, ts, scores, thresholds, durations, policy.events_min, ttl_ms, after, found)
    row, expired, previous, verdict, at_ms = found[:n].T
    return after, Changes(row, expired.astype(bool), previous.astype(np.int8), verdict.astype(np.int8), at_ms)


@kernel
def _judge(
    standings: Standings,
    slots: NDArray[np.int64],
    ts: NDArray[np.int64],
    scores: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    durations: NDArray[np.int64],
    events_min: int,
    ttl_ms: int,
    after: NDArray[np.int8],
    found: NDArray[np.int64],
) -> int:
    n = 0
    for row in range(slots.shape[0]):
        slot = slots[row]
        if standings.events[slot] and ts[row] > standings.newest[slot] + ttl_ms:
            standings.events[slot] = 0
        standings.newest[slot] = max(standings.newest[slot], ts[row])
        now = standings.newest[slot]
        standings.events[slot] += 1
        if standings.verdict[slot] > 0 and now >= standings.expires[slot]:
            _note(found[n], row, 1, standings.verdict[slot], 0, standings.expires[slot])
            standings.verdict[slot] = 0
            standings.expires[slot] = 9223372036854775807
            n += 1
        verdict = 0
        if standings.events[slot] >= events_min:
            verdict = np.searchsorted(thresholds, scores[row], side="right")
        if verdict > standings.verdict[slot]:
            _note(found[n], row, 0, standings.verdict[slot], verdict, now)
            standings.verdict[slot] = verdict
            standings.expires[slot] = now + durations[verdict - 1]
            n += 1
        after[row] = standings.verdict[slot]
    return n


@kernel
def _note(change: NDArray[np.int64], row: int, expired: int, previous: int, verdict: int, at_ms: int) -> None:
    change[0], change[1], change[2], change[3], change[4] = row, expired, previous, verdict, at_ms


def expire(standings: Standings, before_ms: int) -> tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.int64]]:
    """Allow again whose verdict ended by ``before_ms``: slots, verdicts and when each was over, in order."""
    slots = np.flatnonzero(standings.expires <= before_ms)
    slots = slots[np.lexsort((slots, standings.expires[slots]))]
    verdicts, at_ms = standings.verdict[slots], standings.expires[slots]
    standings.verdict[slots], standings.expires[slots] = 0, NEVER
    return slots, verdicts, at_ms


def forget(standings: Standings, slots: NDArray[np.int64]) -> None:
    """Start anew with these accounts."""
    blank = new_standings(1)
    standings.verdict[slots], standings.expires[slots] = blank.verdict, blank.expires
    standings.events[slots], standings.newest[slots] = blank.events, blank.newest


def grow(standings: Standings, size: int) -> Standings:
    """Make room for at least ``size`` accounts."""
    known = len(standings.verdict)
    if size <= known:
        return standings
    more = new_standings(max(size - known, known // 4))
    return Standings(*(np.concatenate([a, b]) for a, b in zip(standings, more, strict=True)))
