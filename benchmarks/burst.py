"""Ten times the rate for a while: how late decisions come, what memory that takes, how soon it has caught up.

``gillnet run`` judges simulated events: first at ``--rate``, then at ten times that, then at ``--rate`` again until
what waits is less than a second's worth. A line of JSON a second: events sent and behind, resident memory of launcher
and workers, and how much of it is accounts. The last line compares the phases, and says whether each event was
accounted for. The latency is from handing an event to the producer to reading the decision about it, of those events
that changed a verdict.

Run: python benchmarks/burst.py [--rate 1500] [--seconds 20] [--times 10] [--workers 1]
         [--bootstrap-servers 127.0.0.1:9092]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from streams import (
    BEFORE_START,
    MIB,
    add_broker,
    arrivals,
    counts_of,
    in_batches,
    metrics_of,
    resident_mib,
    run_command,
    running,
    simulated,
    topics,
    unaccounted,
    wait,
)

from flows.broker import free_port
from flows.producer import produce

if TYPE_CHECKING:
    from detector.settings import Settings

BEFORE, BURST, AFTER = PHASES = ("before", "burst", "after")
CATCH_UP_SECONDS_MAX: Final = 120
Line = dict[str, float | str]


class Sender(threading.Thread):
    """Sends events beside us: phase after phase, and the last until somebody says it is over."""

    def __init__(
        self, settings: Settings, events: list[tuple[bytes, bytes]], rates: dict[str, int], seconds: int
    ) -> None:
        super().__init__(daemon=True)
        self.phase, self.over, self.sent = BEFORE, threading.Event(), BEFORE_START
        self.at: dict[str, dict[str, float]] = {phase: {} for phase in PHASES}
        self._settings, self._events, self._rates, self._seconds = settings, events, rates, seconds

    def run(self) -> None:
        """Send."""
        for self.phase in (BEFORE, BURST):
            self._send(self._seconds)
        self.phase = AFTER
        while not self.over.is_set():
            self._send(1)

    def _send(self, seconds: int) -> None:
        rate = self._rates[self.phase]
        batches = in_batches(self._events[self.sent : self.sent + rate * seconds], self.sent, self.at[self.phase])
        produce(self._settings, self._settings.events_topic, batches, float(rate), self._count)

    def _count(self, more: int) -> None:
        self.sent += more


def watch(sender: Sender, run: int, port: int, rate: int) -> list[Line]:
    """Print a line a second, until what waits after the burst is less than a second's worth."""
    lines: list[Line] = []
    began, caught_up_by = time.monotonic(), float("inf")
    while sender.is_alive():
        time.sleep(1)
        seen, now = metrics_of(port), round(time.monotonic() - began, 1)
        behind, state_mib = seen.get("gillnet_consumer_lag_events", 0.0), seen.get("gillnet_state_bytes", 0.0) / MIB
        line: Line = {"second": now, "phase": sender.phase, "sent": sender.sent, "behind": behind}
        lines.append(line | {"rss_mib": resident_mib(run), "accounts_mib": round(state_mib)})
        print(json.dumps(lines[-1]), flush=True)
        if sender.phase == AFTER:
            caught_up_by = min(caught_up_by, now + CATCH_UP_SECONDS_MAX)
            if behind < rate or now > caught_up_by:
                sender.over.set()
                sender.join()
    while metrics_of(port)["gillnet_events_read_total"] < sender.sent and now < caught_up_by:
        time.sleep(0.2)
        now = time.monotonic() - began
    return lines


def summary(lines: list[Line], sender: Sender, arrived: dict[str, float]) -> dict[str, object]:
    """Compare the phases."""
    found: dict[str, object] = {}
    for phase in PHASES:
        seen = [line for line in lines if line["phase"] == phase]
        waits = np.array([arrived[e] - at for e, at in sender.at[phase].items() if e in arrived]) * 1000
        found[phase] = {
            "seconds": len(seen),
            "behind_max": max(line["behind"] for line in seen),
            "rss_mib_max": max(line["rss_mib"] for line in seen),
            "accounts_mib": seen[-1]["accounts_mib"],
            "timed": len(waits),
            **{f"p{q}_ms": round(float(np.percentile(waits, q))) for q in (50, 99) if len(waits)},
        }
    return found


def main() -> None:
    """Run the three phases and print what they were like."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=1500)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
    add_broker(parser)
    options = parser.parse_args()
    rates = {BEFORE: options.rate, BURST: options.rate * options.times, AFTER: options.rate}
    seconds = options.seconds * (1 + options.times) + CATCH_UP_SECONDS_MAX + 2
    events = simulated(BEFORE_START + options.rate * seconds)
    with ExitStack() as stack:
        work, port = Path(stack.enter_context(tempfile.TemporaryDirectory())), free_port()
        settings = stack.enter_context(topics(options.bootstrap_servers, options.workers))
        arrived = stack.enter_context(arrivals(settings))
        produce(settings, settings.events_topic, [events[:BEFORE_START]])
        with running(run_command(settings, work, options.workers, port)) as run:
            wait(arrived)
            sender = Sender(settings, events, rates, options.seconds)
            sender.start()
            lines = watch(sender, run.pid, port, options.rate)
        counted = counts_of(run)
        time.sleep(1)
    lost = {"sent": sender.sent, "not_read": sender.sent - counted["read"], "unaccounted": unaccounted(counted)}
    print(json.dumps(summary(lines, sender, arrived) | lost))


if __name__ == "__main__":
    main()
