import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from detector.contract.errors import GillnetError
from detector.settings import Settings
from flows import metrics
from flows.metrics_endpoint import MetricsEndpoint, serve

WORKER = Path(__file__).with_name("recording_worker.py")


class Worker:
    """A process that records when told."""

    def __init__(self, endpoint: MetricsEndpoint) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER)],
            env={**os.environ, **endpoint.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._wait()

    def record(self) -> None:
        """Record a little of everything, once."""
        assert self.process.stdin is not None
        self.process.stdin.write("again\n")
        self.process.stdin.flush()
        self._wait()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()

    def _wait(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline()


@pytest.fixture
def endpoint() -> Iterator[MetricsEndpoint]:
    running = serve(Settings(metrics_port=0))
    yield running
    running.stop()


def scrape(endpoint: MetricsEndpoint) -> dict[str, float]:
    """Read the endpoint as Prometheus does: series with its labels, and value."""
    with urllib.request.urlopen(endpoint.url, timeout=10) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return {
        sample.name + "".join(f",{k}={v}" for k, v in sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


@given(st.lists(st.one_of(st.floats(0, 100), st.sampled_from((*metrics.LATENCY_SECONDS, 0.0, 61.0))), max_size=50))
def test_observing_many_equals_observing_each(values: list[float]):
    one, many = (
        metrics.BatchHistogram(name, name, buckets=metrics.LATENCY_SECONDS, registry=CollectorRegistry())
        for name in ("one", "many")
    )
    for value in values:
        one.observe(value)
    many.observe_many(np.array(values, dtype=np.float64))
    got, expected = ([(s.name[-6:], s.labels, s.value) for s in h.collect()[0].samples] for h in (many, one))
    assert [row for row in got if row[0] == "bucket"] == [row for row in expected if row[0] == "bucket"]
    assert many._sum.get() == pytest.approx(one._sum.get())


def test_counts_of_all_workers_add_up_also_of_dead_ones(endpoint: MetricsEndpoint):
    first, second = Worker(endpoint), Worker(endpoint)
    for worker in (first, first, second):
        worker.record()
    first.kill()
    second.record()
    assert scrape(endpoint)["gillnet_events_read_total"] == 400
    assert scrape(endpoint)["gillnet_events_read_total"] == 400
    second.kill()
    series = scrape(endpoint)
    ends = [series[f"gillnet_events_total,outcome={outcome}"] for outcome in metrics.OUTCOMES]
    assert sum(ends) == series["gillnet_events_read_total"] == 400
    assert series["gillnet_end_to_end_seconds_count"] == 4 * 97
    assert series["gillnet_decisions_total,shadow=false,verdict=block"] == 4


def test_gauges_of_dead_workers_are_forgotten(endpoint: MetricsEndpoint):
    first, second = Worker(endpoint), Worker(endpoint)
    first.record()
    assert scrape(endpoint)["gillnet_state_accounts,worker=3"] == 40
    assert scrape(endpoint)["gillnet_state_entities,worker=1"] == 70
    first.kill()
    assert "gillnet_state_accounts,worker=3" not in scrape(endpoint)
    second.record()
    assert scrape(endpoint)["gillnet_state_accounts,worker=3"] == 40
    second.kill()


def test_restarts_pile_up_no_files(endpoint: MetricsEndpoint):
    directory = Path(endpoint.environment["PROMETHEUS_MULTIPROC_DIR"])
    sizes = []
    for restart in range(3):
        worker = Worker(endpoint)
        worker.record()
        worker.kill()
        endpoint.worker_restarted()
        assert scrape(endpoint)["gillnet_worker_restarts_total"] == restart + 1
        sizes.append(len(list(directory.iterdir())))
    assert sizes[0] == sizes[-1] == 2


def test_every_label_is_one_of_a_few_known_words(endpoint: MetricsEndpoint):
    worker = Worker(endpoint)
    worker.record()
    labels = {pair.split("=")[0] for series in scrape(endpoint) for pair in series.split(",")[1:]}
    worker.kill()
    known = "outcome cause verdict shadow partition worker held table le version model_version column language flagged"
    assert labels == set(known.split())


def test_a_busy_port_is_one_clear_error(endpoint: MetricsEndpoint):
    with pytest.raises(GillnetError, match=rf"127\.0\.0\.1:{endpoint.port} .*GILLNET_METRICS_PORT"):
        serve(Settings(metrics_port=endpoint.port))


def test_stopping_frees_the_port_and_removes_the_files():
    first = serve(Settings(metrics_port=0))
    first.stop()
    assert not Path(first.environment["PROMETHEUS_MULTIPROC_DIR"]).exists()
    serve(Settings(metrics_port=first.port)).stop()


def test_a_message_from_a_clock_ahead_of_ours_took_no_time():
    before = metrics.END_TO_END._sum.get()
    metrics.record_end_to_end(np.array([-1_000]))
    assert metrics.END_TO_END._sum.get() == before


def test_an_unknown_outcome_is_refused():
    with pytest.raises(ValueError, match="processed, duplicate, late, dead, got 'lost'"):
        metrics.record_shard_results({"lost": 1}, np.array([0.1]))
