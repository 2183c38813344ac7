"""The intake and the entity shards, without Bytewax around them."""

import time
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.entities import SharedEntities
from features.intake import Intake
from flows.batches import Answer, EntityInput, Incoming, Lookup, Mark, SourceBatch, Tick
from flows.checkpoints import Checkpoints
from flows.entity_shards import EntityLimit, EntityLogic, EntityState
from flows.intake import IntakeLogic, Reading, answered, lookups_in, take_in
from flows.routing import worker_of
from flows.worker_table import WorkerTable

HOUR_MS = 3_600_000
START_MS = 1_767_571_200_000
MARK = Mark(0, START_MS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("entities")


def new_entities() -> SharedEntities:
    return SharedEntities(HOUR_MS)


def entity_logic(folder: Path, state: EntityState | None = None) -> EntityLogic:
    return EntityLogic(WorkerTable(new_entities(), 4, 1, Checkpoints(folder, "entities")), state)


def lookup(*accounts: int, at_ms: int = START_MS, entity: int = 7, mark: Mark = MARK) -> EntityInput:
    keys, times = np.full(len(accounts), entity, np.uint64), np.full(len(accounts), at_ms)
    return EntityInput(0, mark, Lookup(0, keys, np.array(accounts, np.uint64), times))


def counted(logic: EntityLogic, *values: EntityInput) -> list[list[int]]:
    answers, _ = logic.on_batch(list(values))
    return [answer.counts[:, 0].tolist() for answer in answers]


def taken(crowds: ModuleType, lines: list[bytes], number: int = 0) -> Incoming:
    batch = SourceBatch(0, crowds.frame(lines), (), MARK, 0)
    ((_, incoming),) = take_in(batch, number, Reading(crowds.PLAN, None), np.arange(4))
    return incoming


def answers_to(logics: list[EntityLogic], incoming: Incoming) -> list[Answer]:
    asked = [value for _, value in lookups_in(incoming, np.arange(len(logics)))]
    return [answer for value in asked for answer in logics[value.shard].on_batch([value])[0]]


@given(seed=st.integers(0, 99), cuts=st.lists(st.integers(1, 100), max_size=6), order=st.randoms())
def test_answers_in_any_order_give_the_counts_of_one_process(crowds: ModuleType, folder: Path, seed, cuts, order):
    lines = crowds.lines(100, seed)
    logics, logic = [entity_logic(folder) for _ in range(4)], IntakeLogic()
    edges = sorted({0, 100, *cuts})
    batches = [taken(crowds, lines[a:b], number) for number, (a, b) in enumerate(pairwise(edges))]
    values = [*batches, *(answer for batch in batches for answer in answers_to(logics, batch))]
    order.shuffle(values)
    in_order = iter(batches)  # answers may overtake batches; batches never each other
    values = [next(in_order) if isinstance(value, Incoming) else value for value in values]
    given_out = [batch for value in values for batch in logic.on_batch([value])[0]]
    assert [batch.number for batch in given_out] == list(range(len(batches)))
    halves = np.concatenate([batch.arrived.columns.halves for batch in given_out])
    assert np.array_equal(halves, Intake(crowds.PLAN, HOUR_MS).process(crowds.frame(lines)).columns.halves)


def test_nothing_overtakes_a_batch_that_waits(crowds: ModuleType, folder: Path):
    logic, logics = IntakeLogic(), [entity_logic(folder) for _ in range(4)]
    first = taken(crowds, crowds.lines(20), 0)
    bare = taken(crowds, [crowds.event("a", "purchase")], 1)
    ((_, tick),) = take_in(Tick(MARK, moved=True), 2, Reading(crowds.PLAN, None), np.arange(4))
    assert logic.on_batch([first, bare, tick]) == ([], False)
    *some, last = answers_to(logics, first)
    assert logic.on_batch(some) == ([], False)
    assert logic.on_batch([last]) == ([first, bare, tick], True)


def test_an_epoch_that_ends_too_early_stops_the_worker(crowds: ModuleType):
    logic = IntakeLogic()
    logic.on_batch([taken(crowds, crowds.lines(20))])
    with pytest.raises(RuntimeError, match="1 batches"):
        logic.snapshot()


def test_only_what_says_something_is_taken_in(crowds: ModuleType):
    nothing = SourceBatch(0, crowds.frame([]), (), MARK, 0)
    asleep = Tick(MARK, moved=False)
    assert [
        made for batch in (nothing, asleep) for made in take_in(batch, 0, Reading(crowds.PLAN, None), np.arange(4))
    ] == []


def test_a_batch_waits_where_it_was_read(crowds: ModuleType):
    for source in range(4):
        ((key, incoming),) = take_in(Tick(Mark(source, 0), moved=True), 0, Reading(crowds.PLAN, None), np.arange(4))
        (back, _) = answered(Answer(incoming.mark.source, 0, 0, np.zeros((0, 2), np.int32)))
        assert back == key
        assert worker_of(key, 4) == source


def test_an_entity_shard_goes_on_from_its_snapshot(tmp_path: Path):
    logic = entity_logic(tmp_path)
    assert counted(logic, lookup(1, 2), lookup(2, 3)) == [[1, 2], [2, 3]]
    restored = entity_logic(tmp_path, logic.snapshot())
    assert counted(restored, lookup(1, 4)) == counted(logic, lookup(1, 4)) == [[3, 4]]


def after_a_while(logic: EntityLogic, mark: Mark) -> int:
    """Let time pass; how many entities are held then."""
    logic.on_batch([EntityInput(0, mark, None)] * 20)
    logic.snapshot()
    return len(logic.worker.table)


def test_idle_entities_are_forgotten_as_time_moves(tmp_path: Path):
    logic = entity_logic(tmp_path)
    counted(logic, lookup(1, 2), lookup(1, entity=8))
    assert after_a_while(logic, Mark(0, START_MS + 25 * HOUR_MS)) == 2
    assert after_a_while(logic, Mark(0, START_MS + 26 * HOUR_MS)) == 0


def test_a_clock_that_is_ahead_makes_nothing_forgotten(tmp_path: Path):
    now_ms = int(time.time() * 1000)
    logic = entity_logic(tmp_path)
    counted(logic, lookup(1, at_ms=now_ms))
    assert after_a_while(logic, Mark(0, now_ms + 100 * HOUR_MS)) == 1


def test_no_more_entities_are_held_than_may_be(folder: Path):
    """Who makes up addresses without end takes the place of those idle for longest."""
    limit = EntityLimit(500, 25 * HOUR_MS)
    logic = EntityLogic(WorkerTable(new_entities(), 4, 1, Checkpoints(folder / "full", "entities")), None, limit)
    for i in range(20):
        at_ms = START_MS + i * HOUR_MS
        logic.on_batch([lookup(1, 2, at_ms=at_ms, entity=1)])
        logic.on_batch([lookup(1, at_ms=at_ms, entity=1000 * i + j) for j in range(2, 200)])
        assert len(logic.worker.table) <= 500
    assert counted(logic, lookup(3, at_ms=START_MS + 19 * HOUR_MS, entity=1)) == [[3]]
