"""An attacker who makes up accounts without end cannot grow the state: it holds no more than `accounts_max`."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from detector.contract.events import EVENT_SCHEMA
from detector.engine import AccountShard
from detector.policy import Policy
from detector.shard_batch import whole
from features.catalogue import DEFAULT
from features.intake import Intake
from features.specialise import specialise

START, HOUR = 1_700_000_000_000, 3_600_000
BATCH, MOST = 2000, 3000


class ByMessages:
    """A score that is the number of messages in the last day, out of a hundred."""

    version = "counting"
    feature_names = ("messages_count_24h",)

    def score(self, vectors: np.ndarray) -> np.ndarray:
        return np.minimum(vectors[:, 0] / 100, 1.0)

    def explain(self, vectors: np.ndarray) -> np.ndarray:
        return vectors


class Held:
    """A shard, and what it was given."""

    def __init__(self, thresholds: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8), accounts_max: int = MOST) -> None:
        policy = Policy(thresholds=thresholds, durations_ms=(HOUR * 1000,) * 4, events_min=1, shadow=False)
        self.shard = AccountShard(DEFAULT, ByMessages(), policy, HOUR, accounts_max=accounts_max)
        self.intake = Intake(specialise(DEFAULT).plan, HOUR)
        self.most = self.bytes = self.given = 0

    def give(self, accounts: list[str], targets: list[str | None], at_ms: int) -> Any:
        """Let accounts write to targets."""
        rows = [
            {"event_id": f"e{self.given + i}", "type": "message", "account_id": a, "target_id": t, "ts": at_ms + i}
            for i, (a, t) in enumerate(zip(accounts, targets, strict=True))
        ]
        self.given += len(rows)
        batch = whole(self.intake.process(pl.DataFrame(rows, schema=EVENT_SCHEMA)))
        result = self.shard.process(batch, at_ms, None)
        self.most, self.bytes = max(self.most, len(self.shard)), max(self.bytes, self.shard.nbytes)
        return result


def flood(held: Held, batches: int, begin: int = 0) -> None:
    for i in range(begin, begin + batches):
        held.give([f"new{i}-{j}" for j in range(BATCH)], [None] * BATCH, START + i * 60_000)


def test_made_up_accounts_are_held_up_to_a_ceiling_and_counted():
    held = Held()
    flood(held, 4)
    before = held.bytes
    flood(held, 16, 4)
    assert held.most <= MOST + BATCH
    assert held.bytes <= 1.5 * before
    assert held.shard.forgotten == 20 * BATCH - len(held.shard)


def test_one_account_with_targets_without_end_stays_below_it_too():
    held = Held(thresholds=(1.1,) * 4)
    for i in range(20):
        held.give(["spider"] * BATCH, [f"target{i}-{j}" for j in range(BATCH)], START + i * 60_000)
    assert held.most <= MOST + BATCH


def test_who_is_busy_stays_while_the_idle_go():
    held = Held(thresholds=(1.1,) * 4)
    for i in range(12):
        held.give(["regular"] + [f"new{i}-{j}" for j in range(BATCH)], [None] * (BATCH + 1), START + i * 60_000)
    result = held.give(["regular"], [None], START + 12 * 60_000)
    assert result.processed_scores[0] == pytest.approx(0.13)


def test_who_has_a_verdict_goes_after_all_others():
    held = Held(thresholds=(0.05, 0.06, 0.07, 0.08))
    held.give(["bot"] * 10, [None] * 10, START)
    flood(held, 6, 1)
    assert "bot" in {name for name, _ in held.shard._flagged.values()}


def test_even_accounts_with_a_verdict_stay_below_it():
    held = Held(thresholds=(0.01, 0.02, 0.03, 0.04))
    flood(held, 6)
    assert held.most <= MOST + BATCH
    assert len(held.shard._flagged) <= held.most


def test_a_state_that_forgot_is_the_same_after_a_restart():
    held = Held()
    told = [held.shard.changes()]
    for i in range(4):
        flood(held, 2, 2 * i)
        told.append(held.shard.changes())
    other = Held()
    for changes in told:
        for change in changes.values():
            other.shard.apply(change)
    assert len(other.shard) == len(held.shard)
