import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, cluster_main
from hypothesis import given
from hypothesis import strategies as st

from flows.routing import shard_key, worker_of

NAMES = ["s0000.2065", "s0001.296", "s0002.152", "s0003.434"]


@given(st.integers(0, 300), st.integers(1, 8))
def test_a_shard_lands_on_its_number_modulo_the_workers(shard: int, workers: int):
    assert worker_of(shard_key(shard), workers) == shard % workers


def test_shard_names_are_as_they_always_were():
    assert [shard_key(shard) for shard in range(4)] == NAMES


def test_bytewax_routes_as_we_expect():
    import threading

    seen: dict[str, set[str]] = {}
    keys = [shard_key(shard) for shard in range(12)] + [f"k{i}" for i in range(50)]

    class Where(op.StatefulBatchLogic[str, str, None]):
        def on_batch(self, values: list[str]) -> tuple[list[str], bool]:
            seen.setdefault(threading.current_thread().name, set()).update(values)
            return [], self.RETAIN

        def snapshot(self) -> None:
            return None

    flow = Dataflow("routing")
    keyed = op.input("in", flow, TestingSource([(key, key) for key in keys]))
    op.output("out", op.stateful_batch("where", keyed, lambda _: Where()), TestingSink([]))
    cluster_main(flow, [], 0, worker_count_per_proc=3)
    expected: dict[int, set[str]] = {}
    for key in keys:
        expected.setdefault(worker_of(key, 3), set()).add(key)
    assert sorted(map(sorted, seen.values())) == sorted(map(sorted, expected.values()))
