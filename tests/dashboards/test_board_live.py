import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from dashboards.alerts import ALERTS
from dashboards.panels import ROWS
from detector.label_calibration import LabelCalibration
from detector.settings import Settings
from flows.metrics_endpoint import MetricsEndpoint, serve

WORKER = Path(__file__).parents[1] / "flows" / "recording_worker.py"
BOARD = {
    f"{panel.title}: {legend}": query.replace("$__rate_interval", "30s")
    for row in ROWS.values()
    for panel in row
    for legend, query in panel.queries.items()
}


@contextmanager
def _recording(endpoint: MetricsEndpoint) -> Iterator[None]:
    """Keep a worker process recording twice a second."""
    worker = subprocess.Popen(
        [sys.executable, str(WORKER)],
        env={**os.environ, **endpoint.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(0.5):
            assert worker.stdin is not None
            worker.stdin.write("again\n")
            worker.stdin.flush()

    teller = threading.Thread(target=tell)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()
        worker.communicate(timeout=10)


def test_every_query_of_the_board_returns_data(
    scraping: Callable[[str], AbstractContextManager[Any]], wait_until: Callable[[Callable[[], Any]], Any]
):
    endpoint = serve(Settings(metrics_port=0))
    endpoint.labels_say(LabelCalibration(error=0.02, bots=40, humans=400))
    with _recording(endpoint), scraping(f"{endpoint.host}:{endpoint.port}") as prometheus:
        empty = list(BOARD)

        def all_have_data() -> bool:
            empty[:] = [name for name in empty if not prometheus.values(BOARD[name])]
            return not empty

        assert wait_until(all_have_data), f"no data: {empty}"
        assert sum(prometheus.values(BOARD["Events by outcome: read"])) > 0
        rules = prometheus.get("rules")["groups"][0]["rules"]
        assert {rule["name"]: rule["health"] for rule in rules} == {alert.name: "ok" for alert in ALERTS}
    endpoint.stop()
