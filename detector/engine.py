"""The engine: a table of accounts, a columnar batch in, scores and decisions out.

It knows neither Bytewax nor Kafka. `gillnet run`, `gillnet detect` and training all go through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from detector import verdicts
from detector.ceiling import UNLIMITED, Ceiling
from detector.contract.campaigns import campaign_id
from detector.contract.decisions import Decision, Reason, Verdict, decision_id
from detector.contract.times import rfc3339
from detector.drift import DriftWatch
from detector.policy import Policy, expire, forget, grow, judge, new_standings
from detector.reasons import EXPIRED, reasons_for
from detector.results import Judged, ShardResult, joined
from detector.scoring import Judges, Scoring
from features.arrays import PROCESSED
from features.hashing import keys
from features.state import TTL_MS, AccountFeatures

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from detector.policy import Changes
    from detector.scoring import Scorer
    from detector.shard_batch import ShardBatch
    from features.state import Computed
    from features.views import Catalogue

_SWEEP_STEPS: Final = 256


class AccountShard:
    """A slice of the accounts (or all of them), with their features and where they stand."""

    def __init__(
        self,
        catalogue: Catalogue,
        model: Scorer,
        policy: Policy,
        lateness_ms: int,
        vectors_share: float = 0.0,
        ttl_ms: int = TTL_MS,
        accounts_max: int = UNLIMITED,
    ) -> None:
        self._features = AccountFeatures(catalogue, lateness_ms, ttl_ms)
        self._judges, self._lateness_ms = Judges(Scoring(catalogue, model), policy), lateness_ms
        self._drift = _watch_of(self._judges)
        self._standings = new_standings(0)
        self._flagged: verdicts.Flagged = {}
        self._ceilings = Ceiling(accounts_max, ttl_ms), Ceiling(accounts_max, ttl_ms)
        """That of accounts without a verdict in force, who go first, and that of all."""
        self._newest_ms = 0
        self._sample_below = np.uint64(int(vectors_share * 2**53))

    def __len__(self) -> int:
        """Return the number of accounts known."""
        return len(self._features)

    @property
    def forgotten(self) -> int:
        """The number of accounts forgotten before their time, since there were more than may be held."""
        return sum(ceiling.forgotten for ceiling in self._ceilings)

    @property
    def nbytes(self) -> int:
        """Bytes the arrays take."""
        return self._features.nbytes + sum(a.nbytes for a in self._standings)

    def use(self, judges: Judges) -> None:
        """Let other models judge from the next batch on."""
        if judges.champion is not self._judges.champion:
            self._drift = _watch_of(judges)
        self._judges = judges

    def drift(self) -> dict[str, float]:
        """Give how far each column has moved in the last hour that ended since this was asked (`models.drift`)."""
        return {} if self._drift is None else self._drift.take()

    def process(self, batch: ShardBatch, watermark_ms: int, now_ms: int | None) -> ShardResult:
        """Process a batch, after ending the verdicts whose time is over at the watermark.

        ``now_ms`` dates the decisions (None: by event time, for runs that must repeat exactly).
        """
        expired = self.expire(watermark_ms, now_ms)
        self._sweep(watermark_ms)
        self._make_room(batch, now_ms)
        rows = batch.sent()
        parts = [
            self._judge(batch, rows, places, computed, now_ms)
            for places, computed in self._features.parts(batch.columns, batch.roles)
        ]
        return joined(batch, self._judges.champion.version, expired, parts)

    def _judge(
        self,
        batch: ShardBatch,
        rows: NDArray[np.int64],
        places: NDArray[np.int64],
        computed: Computed,
        now_ms: int | None,
    ) -> Judged:
        """Judge some of the batch's events sent, which lie in ``rows`` of its columns."""
        self._standings = grow(self._standings, self._features.top)
        champion, policy = self._judges.champion, self._judges.policy
        kept = np.flatnonzero(computed.outcomes == PROCESSED)
        processed, slots = places[kept], computed.slots[kept]
        ts, event = batch.columns.ts[rows[processed]], batch.columns.event[rows[processed]]
        # Leaving out the few that were not processed would copy megabytes: they are scored too.
        scores = champion.score(computed.vectors)[kept]
        after, changes = judge(policy, self._standings, slots, ts, scores, self._features.ttl_ms)
        if self._drift is not None:
            observed = self._drift.sampled(event)
            seen = champion.read(computed.vectors[kept[observed]])
            self._drift.observe(ts, seen, scores[observed])
        picked = event >> np.uint64(11) < self._sample_below  # keys are uniform in 64 bits
        picked[changes.row] = True
        return Judged(
            places=places,
            outcomes=computed.outcomes,
            processed=processed,
            scores=scores,
            verdicts=after,
            sampled=processed[picked],
            vectors=computed.vectors[kept[picked]],
            decisions=self._decide(
                batch.events, processed, computed.vectors[kept[changes.row]], scores, changes, slots, now_ms
            ),
            shadow_scores={other.version: other.score(computed.vectors)[kept] for other in self._judges.challengers},
        )

    def changes(self, shards: int = 1) -> dict[int, dict[str, NDArray[Any]]]:
        """Tell by shard what `apply` must be told, after all it was told before, to hold the same state.

        Only what changed, and a little more in turn: once it is ``complete``, all since the last time it was is enough.
        """
        return {
            shard: self._extract(turn.slots) | {"removed": turn.removed, "complete": np.array([turn.complete])}
            for shard, turn in self._features.turn(shards).items()
        }

    def apply(self, changes: dict[str, NDArray[Any]]) -> None:
        """Take in what `changes` told; ValueError when another version or catalogue wrote it."""
        removed = self._features.remove(changes["removed"])
        self._standings = grow(self._standings, self._features.top)
        forget(self._standings, removed)
        self.restore(changes)
        self._features.settle()

    def erase(self, account_id: str) -> bool:
        """Forget an account, also one with a verdict in force; whether it was known."""
        known = len(self)
        slots = self._features.remove(keys(pl.Series([account_id])))
        self._standings = grow(self._standings, self._features.top)
        forget(self._standings, slots)
        for slot in slots.tolist():
            self._flagged.pop(slot, None)
        return len(self) < known

    def split(self, shards: int) -> dict[int, dict[str, NDArray[Any]]]:
        """Copy the state by shard, for that many; a shard may have no account."""
        self._features.touch(self._features.slots())
        return {shard: self._extract(turn.slots) for shard, turn in self._features.turn(shards).items()}

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Copy the state into values that never change."""
        return self._extract(self._features.slots())

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from a snapshot, of accounts not known yet; ValueError as for `apply`."""
        slots = self._features.put(state)
        self._standings = grow(self._standings, self._features.top)
        verdicts.put(self._standings, self._flagged, slots, state)

    def _extract(self, slots: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        return self._features.extract(slots) | verdicts.extract(self._standings, self._flagged, slots)

    def expire(self, watermark_ms: int, now_ms: int | None) -> tuple[Decision, ...]:
        """End the verdicts whose time was over at the watermark, less the lateness allowed to events still to come."""
        if not self._flagged:
            return ()
        slots, before, at_ms = expire(self._standings, watermark_ms - self._lateness_ms)
        self._features.touch(slots)
        return tuple(
            self._expiry(slot, Verdict(verdict), at, now_ms)
            for slot, verdict, at in zip(slots.tolist(), before.tolist(), at_ms.tolist(), strict=True)
        )

    def _sweep(self, watermark_ms: int) -> None:
        """Forget a few of the accounts that were idle for long and have no verdict in force."""
        before_ms = watermark_ms - self._features.ttl_ms - self._lateness_ms
        self._forget(self._features.sweep(before_ms, _SWEEP_STEPS, self._standings.verdict > 0))

    def _make_room(self, batch: ShardBatch, now_ms: int | None) -> None:
        """Hold no more than may be. A decision about a flagged account that has to go stands until it expires."""
        self._newest_ms = int(batch.columns.ts.max(initial=self._newest_ms))
        at_ms = self._newest_ms if now_ms is None else min(self._newest_ms, now_ms)
        for ceiling, stay in zip(self._ceilings, (0, Verdict.BLOCK), strict=True):
            if ceiling.exceeded(self):
                ceiling.keep(self, at_ms, self._forgetting(self._standings.verdict > stay))

    def _forgetting(self, pinned: NDArray[np.bool_]) -> Callable[[int, int], None]:
        return lambda before_ms, steps: self._forget(self._features.sweep(before_ms, steps, pinned))

    def _forget(self, slots: NDArray[np.int64]) -> None:
        if not len(slots):
            return
        forget(self._standings, slots)
        for slot in self._flagged.keys() & set(slots.tolist()):
            del self._flagged[slot]

    def _expiry(self, slot: int, previous: Verdict, at_ms: int, now_ms: int | None) -> Decision:
        account_id, score = self._flagged.pop(slot)
        return self._decision(account_id, previous, Verdict.ALLOW, score, (EXPIRED,), None, at_ms, now_ms)

    def _decide(
        self,
        events: pl.DataFrame,
        processed: NDArray[np.int64],
        vectors: NDArray[np.float64],
        scores: NDArray[np.float64],
        changes: Changes,
        slots: NDArray[np.int64],
        now_ms: int | None,
    ) -> list[tuple[int, Decision]]:
        """Decide on each change, whose vectors are given; of the events processed, ``changes.row`` counts places."""
        if not len(changes.row):
            return []
        champion = self._judges.champion
        inputs = champion.read(vectors)
        contributions = champion.model.explain(inputs)
        campaigns = self._features.campaigns(slots[changes.row])
        decisions = []
        for i, row in enumerate(changes.row.tolist()):
            slot, place, previous = int(slots[row]), int(processed[row]), Verdict(changes.previous[i])
            event_id, account_id = events["event_id"][place], events["account_id"][place]
            at_ms, score = int(changes.at_ms[i]), float(scores[row])
            if changes.expired[i]:
                decisions.append((place, self._expiry(slot, previous, at_ms, now_ms)))
                continue
            self._flagged[slot] = (account_id, score)
            reasons = reasons_for(champion.features, inputs[i], contributions[i])
            decision = self._decision(
                account_id,
                previous,
                Verdict(changes.verdict[i]),
                score,
                reasons,
                event_id,
                at_ms,
                now_ms,
                int(campaigns[i]),
            )
            decisions.append((place, decision))
        return decisions

    def _decision(
        self,
        account_id: str,
        previous: Verdict,
        verdict: Verdict,
        score: float,
        reasons: tuple[Reason, ...],
        event_id: str | None,
        at_ms: int,
        now_ms: int | None,
        campaign: int = 0,
    ) -> Decision:
        policy = self._judges.policy
        lasts_ms = policy.durations_ms[verdict - 1] if verdict else None
        return Decision(
            decision_id=decision_id(account_id, event_id or f"expiry:{at_ms}", previous, verdict),
            account_id=account_id,
            verdict=verdict.label,
            previous_verdict=previous.label,
            score=round(score, 6),
            reasons=reasons,
            event_id=event_id,
            event_ts=rfc3339(at_ms),
            decided_at=rfc3339(at_ms if now_ms is None else now_ms),
            expires_at=None if lasts_ms is None else rfc3339(at_ms + lasts_ms),
            campaign_id=campaign_id(campaign) if campaign else None,
            model_version=self._judges.champion.version,
            policy_version=policy.version,
            shadow=policy.shadow,
        )


def _watch_of(judges: Judges) -> DriftWatch | None:
    """Compare with what the champion was trained on, if it says so."""
    reference = judges.champion.reference
    return None if reference is None else DriftWatch(reference)
