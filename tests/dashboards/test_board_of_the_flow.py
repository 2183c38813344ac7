import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import urlsplit

from dashboards.panels import ROWS
from detector.settings import Settings
from flows.launcher import Launcher, RunOptions, Started, embedded
from flows.producer import produce

# Whatever the model thinks, there must be decisions to look at.
EAGER = {"review_threshold": 0, "challenge_threshold": 0, "limit_threshold": 0, "block_threshold": 0}
ACCOUNTS = 40
HOURLY = {"Drift", "Calibration on labelled accounts", "Labelled accounts behind it"}
"""What they show is measured once an hour."""
ROUND = 200


def _swarm(number: int) -> list[tuple[bytes, bytes]]:
    """Make a round of messages as no human writes them, a repeat and what is no event."""
    now_ms = int(time.time() * 1000)
    events: list[tuple[bytes, bytes]] = []
    for index in range(ROUND):
        account = f"bot-{number // 4}-{index % ACCOUNTS}"  # new ones keep coming, and with them decisions
        event = {
            "event_id": f"{number}-{index}",
            "type": "message",
            "account_id": account,
            "ts": now_ms - ROUND + index,
            "target_id": f"victim-{number}-{index}",
            "conversation_id": f"c-{number}-{index}",
            "text": "hey, earn 500 a day, write to me on https://quick-coins.example",
        }
        events.append((account.encode(), json.dumps(event).encode()))
    return [*events, events[0], (b"bot-0", b"no event")]


@contextmanager
def _running(settings: Settings) -> Iterator[tuple[Started, threading.Thread]]:
    """Run the launcher in a thread, with events that keep coming."""
    told: Queue[Started] = Queue()
    launcher = Launcher(settings, RunOptions(), told.put)
    ended = threading.Event()
    runner = threading.Thread(target=launcher.run)
    runner.start()
    started = told.get(timeout=30)

    def feed() -> None:
        number = 0
        while not ended.wait(0.3):
            produce(settings, settings.events_topic, [_swarm(number)])
            number += 1

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield started, runner
    finally:
        ended.set()
        feeder.join()
        launcher.stop()
        runner.join()


def test_every_query_of_the_board_returns_data_from_the_running_flow(
    scraping: Callable[[str], AbstractContextManager[Any]],
    wait_until: Callable[[Callable[[], Any]], Any],
    tmp_path: Path,
):
    base = Settings(
        metrics_port=0, state_dir=tmp_path / "state", lake_dir=tmp_path / "lake", lake_flush_seconds=1, **EAGER
    )
    panels = [panel for row in ROWS.values() for panel in row if panel.title not in HOURLY]
    queries = {f"{p.title}: {name}": q for p in panels for name, q in p.queries.items()}
    with (
        embedded(base) as settings,
        _running(settings) as (started, runner),
        scraping(urlsplit(started.metrics_url).netloc) as prometheus,
    ):
        empty = list(queries)

        def all_have_data() -> bool:
            empty[:] = [n for n in empty if not prometheus.values(queries[n].replace("$__rate_interval", "30s"))]
            assert runner.is_alive(), "the launcher has ended"
            return not empty

        assert wait_until(all_have_data), f"no data: {empty}"
        read = "sum(gillnet_events_read_total)"
        assert prometheus.values(f"{read} - on() sum(gillnet_events_total)")[0] >= 0
