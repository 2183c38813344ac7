"""Far more comes at once than the stream can take."""

import json
import signal
import time
from collections.abc import Callable
from typing import Any

BURST = 20_000
PAUSE_SECONDS = 2.0


def test_a_burst_is_worked_off_and_nothing_is_lost(new_stream: Callable[..., Any]):
    """A worker is halted meanwhile, so that what the other sends it has to wait somewhere too.

    What memory that takes is for `benchmarks/burst.py` to say.
    """
    stream = new_stream()
    stream.feed(1000)
    process = stream.start("--workers", "2")
    stream.wait_for_decisions(20)
    halted = stream.workers(process)[1]
    halted.send_signal(signal.SIGSTOP)
    stream.feed(BURST)
    time.sleep(PAUSE_SECONDS)
    halted.send_signal(signal.SIGCONT)
    stream.wait_for_decisions(20)
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=90)
    assert process.returncode == 0, errors
    wanted, counts = stream.expected()
    read = json.loads(out)["read"] + stream.run()["read"]
    assert read == counts["read"]
    assert len(wanted) > 200
    assert stream.decisions() == wanted
