"""The one Prometheus endpoint of a deployment: the launcher serves what its workers record."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from detector.contract.errors import GillnetError
from detector.settings import Settings

if TYPE_CHECKING:
    from detector.label_calibration import LabelCalibration

WORKER_FILE: Final = re.compile(r"_([1-9][0-9]*)\.db$")
DIRECTORY_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 asks without sending
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class WorkersCollector:
    """Gathers the workers' files, forgets the gauges of dead workers and folds their counts into one file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._workers = MultiProcessCollector(None, str(directory))  # type: ignore[no-untyped-call]  # untyped there
        self._lock = threading.Lock()
        self._restarts, self._broker_up = 0, True
        self._on_labels: LabelCalibration | None = None

    def restarted(self) -> None:
        """Count one restart of the workers."""
        self._restarts += 1

    def broker_answers(self, up: bool) -> None:
        """Note whether the broker answers."""
        self._broker_up = up

    def labels_say(self, calibration: LabelCalibration | None) -> None:
        """Note how scores agree with labels; None where that is not known."""
        self._on_labels = calibration

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, summed over the workers that live and have lived."""
        with self._lock:
            self._bury_the_dead()
            metrics = list(self._workers.collect())  # type: ignore[no-untyped-call]  # untyped there
        yield from metrics
        yield CounterMetricFamily(
            "gillnet_worker_restarts", "Restarts of the workers after one of them died", value=self._restarts
        )
        yield GaugeMetricFamily("gillnet_broker_up", "Whether the broker answers: 1 or 0", value=int(self._broker_up))
        if self._on_labels is not None:
            yield from _calibration(self._on_labels)

    def _bury_the_dead(self) -> None:
        for file in sorted(self._directory.glob("*.db")):
            match = WORKER_FILE.search(file.name)
            if match is None or _is_alive(int(match[1])):
                continue
            mark_process_dead(int(match[1]), str(self._directory))  # type: ignore[no-untyped-call]  # untyped there
            if file.exists():
                self._fold(file)

    def _fold(self, file: Path) -> None:
        """Add a dead worker's counts to one file for all of them, so that restarts do not pile up files."""
        total = MmapedDict(str(file.with_name(f"{file.name.split('_')[0]}_0.db")))  # type: ignore[no-untyped-call]  # untyped there
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]  # untyped there
            total.write_value(key, total.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]  # untyped there
        total.close()  # type: ignore[no-untyped-call]  # untyped there
        file.unlink()


def _calibration(found: LabelCalibration) -> Iterator[Metric]:
    said = "Expected calibration error of the scores that labelled accounts had before their label"
    yield GaugeMetricFamily("gillnet_calibration_error", said, value=found.error)
    accounts = GaugeMetricFamily(
        "gillnet_calibration_accounts", "Labelled accounts behind the calibration error", labels=["label"]
    )
    for label, count in (("bot", found.bots), ("human", found.humans)):
        accounts.add_metric([label], count)
    yield accounts


class MetricsEndpoint:
    """A running endpoint; ``stop`` it when the workers have ended."""

    def __init__(self, host: str, port: int) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="gillnet-metrics-"))
        self._collector = WorkersCollector(self._directory)
        registry = CollectorRegistry()
        registry.register(self._collector)
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            shutil.rmtree(self._directory)
            msg = (
                f"the metrics endpoint cannot listen on {host}:{port} ({error.strerror}):"
                " stop what holds it, or choose another with GILLNET_METRICS_PORT (0: a free one)"
            )
            raise GillnetError(msg) from error
        self.host = host
        self.port: int = self._server.server_port

    @property
    def url(self) -> str:
        """Where Prometheus scrapes."""
        return f"http://{self.host}:{self.port}/metrics"

    @property
    def environment(self) -> dict[str, str]:
        """The variables a worker process must start with, for its records to be served here."""
        return {DIRECTORY_VARIABLE: str(self._directory)}

    def worker_restarted(self) -> None:
        """Count one restart of the workers; their dead predecessors are found without being named."""
        self._collector.restarted()

    def broker_answers(self, up: bool) -> None:
        """Note whether the broker answers, which only the launcher asks."""
        self._collector.broker_answers(up)

    def labels_say(self, calibration: LabelCalibration | None) -> None:
        """Note how scores agree with labels, which only the launcher looks at."""
        self._collector.labels_say(calibration)

    def stop(self) -> None:
        """Close the endpoint and remove the workers' files."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        shutil.rmtree(self._directory, ignore_errors=True)


def serve(settings: Settings) -> MetricsEndpoint:
    """Serve the workers' metrics on the configured host and port (port 0: a free one, see ``.port``)."""
    return MetricsEndpoint(settings.metrics_host, settings.metrics_port)
