"""The stateful step, without Bytewax around it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from detector.contract.events import EVENT_SCHEMA
from detector.engine import AccountShard
from detector.policy import Policy
from detector.shard_batch import split
from features.catalogue import DEFAULT
from features.entities import SharedEntities
from features.intake import arrive
from features.specialise import specialise
from flows.batches import Mark, ShardInput
from flows.lake_rows import frames
from flows.shards import Judge, ShardLogic, ShardState
from flows.tally import Tally

HOUR_MS = 3_600_000
START_MS = 1_767_571_200_000
PLAN = specialise(DEFAULT).plan


class EagerScorer:
    """Scores by how many messages an account sent within a minute."""

    version = "eager"
    feature_names = ("messages_count_1m",)

    def score(self, vectors: np.ndarray) -> np.ndarray:
        return np.minimum(vectors[:, 0] / 10, 1.0)

    def explain(self, vectors: np.ndarray) -> np.ndarray:
        return vectors


def new_shard() -> AccountShard:
    policy = Policy((0.3, 0.5, 0.7, 0.9), (HOUR_MS,) * 4, 2, False)
    return AccountShard(DEFAULT, EagerScorer(), policy, HOUR_MS, 0.5)


@pytest.fixture
def logic_of(tmp_path: Path) -> Callable[..., ShardLogic]:
    """Make the shard, on one folder for checkpoints."""

    def make(tally: Tally | None = None, state: ShardState | None = None) -> ShardLogic:
        judge = Judge(PLAN, new_shard, 1, lambda: SharedEntities(HOUR_MS), 4, sources=1, checkpoints=tmp_path)
        return ShardLogic(judge, judge.accounts_of_worker(), tally or Tally(), state)

    return make


def messages(count: int, start: int = 0, account: str = "a") -> ShardInput:
    rows = [
        {"event_id": f"{account}{i}", "type": "message", "account_id": account, "ts": START_MS + i * 1000, "text": "hi"}
        for i in range(start, start + count)
    ]
    placed = pl.DataFrame(rows, schema=EVENT_SCHEMA).with_columns(
        arrived_at=pl.col("ts") + 5,
        partition=pl.lit(0, pl.Int32),
        offset=pl.int_range(start, start + count, dtype=pl.Int64),
    )
    ((shard, batch),) = split(arrive(placed, PLAN), 1)
    return ShardInput(shard, Mark(0, START_MS), batch)


def decided(logic: ShardLogic, *values: ShardInput) -> list[tuple[str, str]]:
    outputs, _ = logic.on_batch(list(values))
    return [(d.account_id, d.verdict) for output in outputs for d in output.result.decisions]


def test_batches_that_come_together_are_judged_as_one_after_the_other(logic_of: Callable[..., ShardLogic]):
    apart, together = logic_of(), logic_of()
    one_by_one = decided(apart, messages(4)) + decided(apart, messages(4, 4)) + decided(apart, messages(3, account="b"))
    at_once = decided(together, messages(4), messages(4, 4), messages(3, account="b"))
    assert one_by_one == at_once == [("a", "review"), ("a", "challenge"), ("a", "limit"), ("b", "review")]


def test_a_verdict_ends_when_time_has_moved_on_without_the_account(logic_of: Callable[..., ShardLogic]):
    logic = logic_of()
    decided(logic, messages(4))
    assert decided(logic, ShardInput(0, Mark(0, START_MS + HOUR_MS), None)) == []
    assert decided(logic, ShardInput(0, Mark(0, START_MS + 3 * HOUR_MS), None)) == [("a", "allow")]


def test_a_shard_goes_on_from_its_snapshot(logic_of: Callable[..., ShardLogic]):
    tally = Tally()
    logic = logic_of(tally)
    decided(logic, messages(4))
    restored = logic_of(tally, logic.snapshot())
    assert decided(restored, messages(4, 2)) == decided(logic, messages(4, 2)) != []
    restored.snapshot()
    assert tally.totals()["processed"] == 6
    assert tally.totals()["duplicate"] == 2


def test_a_decision_keeps_the_time_its_event_arrived(logic_of: Callable[..., ShardLogic]):
    (output,), _ = logic_of().on_batch([messages(4)])
    (decision,) = output.result.decisions
    assert output.arrived_ms == {decision.event_id: START_MS + 2 * 1000 + 5}


def test_an_epochs_rows_are_those_of_its_batches(logic_of: Callable[..., ShardLogic]):
    logic = logic_of()
    results = [logic.on_batch([messages(4, start)])[0][0].result for start in (0, 4, 2)]
    together, apart = frames(results, DEFAULT.names), [frames([result], DEFAULT.names) for result in results]
    for table in ("events", "scores", "vectors", "decisions"):
        assert together[table].equals(pl.concat([rows[table] for rows in apart if table in rows]))
    assert together["events"]["outcome"].to_list() == ["processed"] * 8 + ["duplicate"] * 4
