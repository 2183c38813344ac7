"""The flow on real Bytewax: shared entities and received events reach accounts wherever they live."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from bytewax.errors import BytewaxRuntimeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.hashing import keys, shard_of
from flows.entity_shards import EntityLogic

CUTS = st.lists(st.integers(0, 600), max_size=40)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 99), cuts=CUTS, shards=st.integers(1, 8), workers=st.integers(1, 3))
def test_one_partition_gives_what_judging_alone_gives(
    crowds: ModuleType, seed: int, cuts: list[int], shards: int, workers: int
):
    lines = crowds.lines(400, seed)
    run = crowds.Run([crowds.batches(lines, cuts)], shards=shards)
    run.go(workers)
    assert run.scored() == crowds.alone(lines)


def test_the_crowd_shares_and_receives(crowds: ModuleType):
    for name in crowds.Suspicious.feature_names:
        values = {vector[1 + crowds.DEFAULT.names.index(name)] for vector in crowds.alone(crowds.lines(400)).values()}
        assert len(values - {"none"}) > 3, name


@pytest.mark.parametrize("workers", [1, 2])
def test_a_flow_goes_on_from_its_last_epoch(crowds: ModuleType, tmp_path: Path, workers: int):
    lines = crowds.lines(400)
    run = crowds.Run([crowds.batches(lines, range(0, 400, 9))], tmp_path, epoch_seconds=0.02)
    for ends in (11, 23, 37):
        run.go(1, ends)
    run.go(workers)
    assert run.scored() == crowds.alone(lines)


@pytest.mark.parametrize("workers", [(1, 2, 3), (3, 1, 2)])
def test_shards_move_between_workers_with_all_they_know(crowds: ModuleType, tmp_path: Path, workers: tuple[int, ...]):
    lines = crowds.lines(400)
    batches = crowds.batches(lines, range(0, 400, 9))
    run = crowds.Run([], tmp_path, shards=5, epoch_seconds=0.02)
    for number, end in zip(workers, (11, 23, None), strict=True):
        run.parts = [batches[:end]]
        run.go(number)
    assert run.scored() == crowds.alone(lines)


def test_an_accounts_decisions_keep_their_partition_whatever_the_workers(crowds: ModuleType):
    lines = crowds.lines(400)
    found = []
    for workers in (1, 2, 3):
        run = crowds.Run([crowds.batches(lines, range(0, 400, 9))], shards=5, partitions=3)
        run.go(workers)
        found.append({(record.id, record.key, partition) for partition, records in run.decided for record in records})
    assert found[0] == found[1] == found[2]
    assert {partition for _, _, partition in found[0]} == {"00000", "00001", "00002"}
    for _, account, partition in found[0]:
        shard = shard_of(keys(pl.Series([account.decode()])), 5)[0]
        assert partition == f"{shard % 3:05d}"


def test_what_happens_on_one_worker_is_known_on_the_other(crowds: ModuleType):
    senders = [crowds.event(f"a{i}", "login", device_id="d") for i in range(10)]
    senders += [crowds.event(f"a{i}", "message", target_id=f"b{j}", text="hi") for i in range(10) for j in range(8)]
    receivers = [crowds.event(f"b{j}", "login", device_id="d") for j in range(8)]
    then = [crowds.AFTER_OTHERS, *crowds.batches(receivers, [], partition=1)]
    run = crowds.Run([crowds.batches(senders, range(0, 90, 7)), then], shards=2)
    run.go(workers=2)
    vectors = run.scored()
    names = ["accounts_per_device_1h", "messages_received_count_1h"]
    places = [1 + crowds.DEFAULT.names.index(name) for name in names]
    found = {name: tuple(vectors[f"{name}-login"][place] for place in places) for name in (f"b{j}" for j in range(8))}
    assert found == {f"b{j}": (11 + j, 10) for j in range(8)}


def test_bytewax_ends_an_epoch_only_when_all_of_it_came_through(crowds: ModuleType):
    """With an epoch for every batch, and entity shards on other workers, the intake would stop the flow if not."""
    lines = crowds.lines(300)
    parts = [crowds.batches(lines[part::3], range(0, 100, 2), part) for part in range(3)]
    run = crowds.Run(parts)
    run.go(3)
    assert len(run.scored()) > 250


def test_a_count_that_does_not_come_stops_the_flow(crowds: ModuleType, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(EntityLogic, "on_batch", lambda self, _: ([], self.RETAIN))
    with pytest.raises(BytewaxRuntimeError, match="snapshot"):
        crowds.Run([crowds.batches(crowds.lines(20), [])]).go()


def test_without_features_of_what_accounts_share_nothing_is_asked(crowds: ModuleType):
    plan = replace(crowds.PLAN, kinds=frozenset())
    run = crowds.Run(
        [crowds.batches(crowds.lines(200), range(0, 200, 20))], judge=replace(crowds.judge(), plan=plan, reader=None)
    )
    run.go()
    assert {step.rpartition(".")[2] for step in run.steps}.isdisjoint({"entity_shards", "text_groups", "intake"})
    assert run.scored().keys() == crowds.alone(crowds.lines(200)).keys()
