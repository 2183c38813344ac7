"""Kill -9 at random moments changes no count of who shares what. `test_chaos` has what else it must not change."""

import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def feed(stream: Any, enough: threading.Event) -> None:
    while not enough.is_set():
        stream.feed(100, rate=400)


def killed_again_and_again(stream: Any, rng: random.Random, kills: int) -> None:
    """Feed and run it, kill all or one of its processes, change the number of workers; at the end let it finish."""
    stream.feed(1000)
    enough = threading.Event()
    feeder = threading.Thread(target=feed, args=(stream, enough), daemon=True)
    feeder.start()
    for attempt in range(kills):
        process = stream.start("--workers", str(rng.choice([1, 2])))
        stream.wait_for_decisions(20)
        time.sleep(rng.uniform(0, 1.5))
        if attempt % 2:
            rng.choice(stream.workers(process)).send_signal(signal.SIGKILL)
            stream.wait_for_decisions(20)
            time.sleep(rng.uniform(0, 0.5))
        process.kill()  # the workers die with it, and with them the lock goes
        process.communicate()
    enough.set()
    feeder.join()
    stream.run("--workers", "2")


def test_kills_change_no_count_of_who_shares_what(new_stream: Callable[..., Any], crowd_model_dir: Path):
    """With one partition, what accounts share and receive depends on the order of the topic alone."""
    stream = new_stream(epoch_seconds=0.1, topic_partitions=1, model_dir=crowd_model_dir)
    killed_again_and_again(stream, random.Random(11), 2)
    expected, _ = stream.expected()
    assert len(expected) > 300
    assert stream.decisions() == expected
