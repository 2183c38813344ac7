from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.contract.decisions import Decision
from detector.contract.errors import UsageError
from detector.contract.events import EVENT_SCHEMA
from detector.engine import AccountShard
from detector.policy import Policy
from detector.scoring import Judges, Scoring
from detector.shard_batch import split
from features.catalogue import DEFAULT
from features.intake import Intake, arrive
from features.specialise import specialise
from models.drift import MUCH, reference_of

START = 1_700_000_000_000
HOUR = 3_600_000
PLAN = specialise(DEFAULT).plan
LATENESS_MS = HOUR


class CountingScorer:
    """A score that is the number of messages in the last minute, out of ten."""

    version = "counting"
    feature_names = ("messages_count_1m", "messages_count_24h")

    def score(self, vectors: np.ndarray) -> np.ndarray:
        return np.minimum(vectors[:, 0] / 10, 1.0)

    def explain(self, vectors: np.ndarray) -> np.ndarray:
        return vectors / 10


def policy(**changes: object) -> Policy:
    values = {
        "thresholds": (0.3, 0.5, 0.7, 0.9),
        "durations_ms": (HOUR, HOUR, HOUR, 24 * HOUR),
        "events_min": 2,
        "shadow": False,
        **changes,
    }
    return Policy(**values)


def frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    rows = [{"event_id": f"e{i}", "account_id": "a", "type": "message", "text": "hi", **r} for i, r in enumerate(rows)]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)


class Engine:
    """All shards of a deployment in one process, with the watermark of one partition."""

    def __init__(self, shards: int = 4, **changes: object) -> None:
        self.shards = shards
        self.by_shard: dict[int, AccountShard] = {}
        self.intake = Intake(PLAN, LATENESS_MS)
        self.policy = policy(**changes)
        self.watermark_ms = 0

    def run(self, events: pl.DataFrame, now_ms: int | None = None) -> list[Decision]:
        decisions: list[Decision] = []
        self.results = []
        for shard, batch in split(self.intake.process(events), self.shards):
            if shard not in self.by_shard:
                self.by_shard[shard] = AccountShard(DEFAULT, CountingScorer(), self.policy, LATENESS_MS)
            result = self.by_shard[shard].process(batch, self.watermark_ms, now_ms)
            self.results.append(result)
            decisions += result.decisions
        if len(events):
            self.watermark_ms = max(self.watermark_ms, events["ts"].max())
        return decisions


def burst(n: int, at: int = START, account: str = "a") -> list[dict[str, object]]:
    return [{"ts": at + i * 1000, "account_id": account, "event_id": f"{account}-{at}-{i}"} for i in range(n)]


def test_a_verdict_climbs_step_by_step_as_the_score_does():
    decisions = Engine().run(frame(burst(10)))
    assert [(d.previous_verdict, d.verdict) for d in decisions] == [
        ("allow", "review"),
        ("review", "challenge"),
        ("challenge", "limit"),
        ("limit", "block"),
    ]


def test_a_score_that_falls_again_leaves_the_verdict_until_its_time_is_over():
    engine = Engine()
    engine.run(frame(burst(4)))
    assert engine.run(frame([{"ts": START + 30 * 60_000, "event_id": "quiet"}])) == []
    after = engine.run(frame([{"ts": START + 2 * HOUR, "event_id": "later"}]))
    assert [(d.previous_verdict, d.verdict) for d in after] == [("review", "allow")]
    assert after[0].reasons[0].code == "EXPIRED"
    assert after[0].event_ts == "2023-11-14T23:13:22.000Z"


def test_the_watermark_ends_a_verdict_of_an_account_that_went_silent():
    engine = Engine(shards=1)
    engine.run(frame(burst(3)))
    engine.watermark_ms = START + 3 * HOUR
    decisions = engine.run(frame([{"ts": START + 3 * HOUR, "account_id": "other"}]))
    assert [(d.account_id, d.previous_verdict, d.verdict) for d in decisions] == [("a", "review", "allow")]


def test_an_account_with_few_events_is_not_judged():
    assert Engine(events_min=11).run(frame(burst(10))) == []


def test_reasons_name_the_features_with_words_values_and_weights():
    decision = Engine().run(frame(burst(10)))[-1]
    reason = decision.reasons[0]
    assert reason.code in ("MESSAGES_COUNT_1M", "MESSAGES_COUNT_24H")
    assert reason.text.startswith("Messages sent, within ")
    assert reason.value == 9.0
    assert reason.contribution == 0.9


def test_decisions_carry_wall_clock_when_live_and_event_time_when_replayed():
    live = Engine().run(frame(burst(10)), now_ms=START + HOUR)
    replayed = Engine().run(frame(burst(10)))
    assert {d.decided_at for d in live} == {"2023-11-14T23:13:20.000Z"}
    assert all(d.decided_at == d.event_ts for d in replayed)
    assert [d.decision_id for d in live] == [d.decision_id for d in replayed]


def test_duplicates_and_late_events_are_kept_told_apart_and_not_scored():
    rows = [*burst(3), burst(3)[1], {"ts": START - 30 * HOUR, "event_id": "old"}]
    engine = Engine(shards=1)
    engine.run(frame(rows))
    result = engine.results[0]
    assert result.events["outcome"].to_list() == ["processed"] * 3 + ["duplicate", "late"]
    assert result.counts == {"processed": 3, "duplicate": 1, "late": 1}
    assert len(result.scores) == 3


def test_every_decision_keeps_its_feature_vector():
    engine = Engine(shards=1)
    decisions = engine.run(frame(burst(10)))
    kept = engine.results[0].vectors
    assert set(kept["event_id"]) == {d.event_id for d in decisions}
    assert kept["vector"][0].len() == len(DEFAULT.names)


def test_a_model_that_reads_unknown_features_is_refused_by_name():
    class Stranger(CountingScorer):
        feature_names = ("messages_count_1m", "shoe_size")

    with pytest.raises(UsageError, match="shoe_size"):
        AccountShard(DEFAULT, Stranger(), policy(), LATENESS_MS)


class Contrarian(CountingScorer):
    version = "contrarian"

    def score(self, vectors: np.ndarray) -> np.ndarray:
        return 1 - super().score(vectors)


def test_challengers_score_every_event_and_decide_nothing():
    plain, watched = Engine(shards=1), Engine(shards=1)
    alone = plain.run(frame(burst(10)))
    watched.by_shard[0] = AccountShard(DEFAULT, CountingScorer(), watched.policy, LATENESS_MS)
    watched.by_shard[0].use(
        Judges(Scoring(DEFAULT, CountingScorer()), watched.policy, (Scoring(DEFAULT, Contrarian()),))
    )
    assert watched.run(frame([*burst(10), burst(10)[3]])) == alone
    result = watched.results[0]
    assert result.shadows["model_version"].unique().to_list() == ["contrarian"]
    assert result.shadows["event_id"].to_list() == result.scores["event_id"].to_list()
    assert result.shadows["score"].to_list() == pytest.approx((1 - result.scores["score"]).to_list())
    assert plain.results[0].shadows.is_empty()


def test_another_model_judges_from_the_next_batch_on():
    engine = Engine(shards=1)
    engine.run(frame(burst(3)))
    engine.by_shard[0].use(Judges(Scoring(DEFAULT, Contrarian()), policy(shadow=True)))
    decisions = engine.run(frame(burst(1, START + 5_000, "b") + burst(1, START + 6_000, "b")))
    assert [(d.account_id, d.verdict, d.model_version, d.shadow) for d in decisions] == [
        ("b", "limit", "contrarian", True)
    ]
    later = engine.run(frame([{"ts": START + 2 * HOUR, "event_id": "later"}]))
    assert [(d.previous_verdict, d.verdict) for d in later[:1]] == [("review", "allow")]


streams = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from([0, 500, 5_000, 50_000, 2 * HOUR, 26 * HOUR])),
    min_size=1,
    max_size=80,
)


def stream(steps: list[tuple[str, int]]) -> pl.DataFrame:
    now, rows = START, []
    for account, step in steps:
        now += step
        rows.append({"account_id": account, "ts": now})
    return frame(rows)


@given(streams, st.lists(st.integers(0, 80), max_size=4), st.sampled_from([1, 2, 5, 16]))
@settings(max_examples=60)
def test_batches_and_number_of_shards_change_no_decision(steps, cuts, shards):
    events, never = stream(steps), 0
    whole, engine, parts = Engine(shards=1).run(events), Engine(shards=shards), []
    for start, end in pairwise([0, *sorted(c for c in cuts if c < len(events)), len(events)]):
        engine.watermark_ms = never
        parts += engine.run(events[start:end])
    assert sorted(parts, key=str) == sorted(whole, key=str)


def test_what_a_large_batch_came_to_is_told_in_the_order_of_arrival():
    accounts = np.random.default_rng(1).integers(0, 40, 5000)
    events = frame([{"account_id": f"a{account}", "ts": START + 100 * i} for i, account in enumerate(accounts)])
    whole, cut = Engine(shards=1), Engine(shards=1)
    decisions = whole.run(events)
    cut.watermark_ms = whole.watermark_ms = 0
    at_once, told = whole.results[0], []
    for start in range(0, len(events), 100):
        told += cut.run(events[start : start + 100])
        cut.watermark_ms = 0
        place, result = slice(start, start + 100), cut.results[0]
        assert result.scores.equals(at_once.scores[place])
        assert result.events.equals(at_once.events[place])
    assert told == decisions
    assert len(decisions) >= 40
    assert [d.event_id for d in decisions] == sorted((d.event_id for d in decisions), key=lambda e: int(e[1:]))


@given(streams, st.lists(st.integers(0, 80), max_size=4))
@settings(max_examples=60)
def test_a_verdict_ends_the_same_whether_the_watermark_or_an_event_finds_it(steps, cuts):
    events = stream(steps)
    found = []
    for ends in ([], cuts):
        engine, decisions = Engine(shards=1), []
        for start, end in pairwise([0, *sorted(c for c in ends if c < len(events)), len(events)]):
            decisions += engine.run(events[start:end])
        decisions += engine.by_shard[0].expire(engine.watermark_ms + 1000 * HOUR, None)
        found.append(sorted(decisions, key=str))
    assert found[0] == found[1]


@given(streams, st.integers(0, 80))
@settings(max_examples=40)
def test_a_restored_shard_decides_as_if_it_had_never_stopped(steps, cut):
    events = stream(steps)
    cut = min(cut, len(events))
    engine, successor = Engine(shards=1), Engine(shards=1)
    engine.run(events[:cut])
    successor.watermark_ms = engine.watermark_ms
    if 0 in engine.by_shard:
        successor.by_shard[0] = AccountShard(DEFAULT, CountingScorer(), successor.policy, LATENESS_MS)
        successor.by_shard[0].restore(engine.by_shard[0].snapshot())
    assert successor.run(events[cut:]) == engine.run(events[cut:])


@given(streams, st.lists(st.integers(0, 80), max_size=6))
@settings(max_examples=40)
def test_a_shard_made_of_all_that_another_told_decides_as_it_does(steps, cuts):
    events = stream(steps)
    ends = sorted({min(cut, len(events)) for cut in cuts})
    engine, successor = Engine(shards=1), Engine(shards=1)
    successor.by_shard[0] = AccountShard(DEFAULT, CountingScorer(), successor.policy, LATENESS_MS)
    for start, end in zip([0, *ends], ends, strict=False):
        engine.run(events[start:end])
        for changes in engine.by_shard[0].changes().values() if 0 in engine.by_shard else ():
            successor.by_shard[0].apply(changes)
    successor.watermark_ms = engine.watermark_ms
    assert successor.run(events[max(ends, default=0) :]) == engine.run(events[max(ends, default=0) :])


def test_splitting_keeps_the_order_of_each_account_and_loses_nothing():
    events = frame([{"account_id": f"a{i % 7}", "ts": START + i} for i in range(200)])
    parts = split(arrive(events, PLAN), 16)
    assert sum(len(batch.events) for _, batch in parts) == 200
    for _, batch in parts:
        assert len(batch.columns) == len(batch.events)
        for account in batch.events["account_id"].unique():
            assert batch.events.filter(account_id=account)["ts"].is_sorted()


def test_no_events_are_no_work():
    assert split(arrive(frame([]), PLAN), 16) == []


def test_what_a_stream_shows_is_compared_with_what_the_champion_was_trained_on():
    events = frame([{"ts": START + i * 100, "account_id": f"a{i % 97}", "event_id": f"e{i}"} for i in range(72_000)])
    arrived = Intake(PLAN, LATENESS_MS).process(events)
    (batch,) = [part for _, part in split(arrived, 1)]
    trained_on = reference_of(CountingScorer.feature_names, np.zeros((2000, 2)), np.zeros(2000))
    shard = AccountShard(DEFAULT, CountingScorer(), policy(thresholds=(2.0,) * 4), LATENESS_MS)
    shard.use(Judges(Scoring(DEFAULT, CountingScorer(), trained_on), policy(thresholds=(2.0,) * 4)))
    shard.process(batch, START, None)
    later = frame([{"ts": START + 3 * HOUR, "event_id": "later"}])
    ((_, next_hour),) = split(Intake(PLAN, LATENESS_MS).process(later), 1)
    shard.process(next_hour, START, None)
    drift = shard.drift()
    assert set(drift) == {*CountingScorer.feature_names, "score"}
    assert min(drift.values()) > MUCH
