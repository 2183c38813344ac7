"""``gillnet demo``."""

from __future__ import annotations

import math
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Annotated, Final, Self

import msgspec
import typer

from detector.cli.console import ERR, OUT, print_json
from detector.cli.demo_summary import Seen, as_json, decision_line, lines
from detector.compiling import compile_kernels, is_compiled
from detector.contract import decisions
from detector.contract.errors import UsageError
from detector.settings import Settings, load_settings
from detector.simulator import SimEvent, Simulation, load_scenario
from flows.broker import EmbeddedBroker
from flows.follow import Follower, Progress
from flows.launcher import Launcher, RunOptions, Started
from flows.producer import produce

EXAMPLE = """
Examples:
  gillnet demo
  gillnet demo --events 20000 --rate 1000 --dir elsewhere
"""

SEED: Final = 7
FIRST_EVENTS: Final = 100
SHOWN_MAX: Final = 6
CATCH_UP_SECONDS: Final = 60.0
_MARK: Final = ".gillnet-demo"
_KAFKA_OF_ITS_OWN: Final = {
    "kafka": {}, "events_topic": "events", "decisions_topic": "decisions", "scores_topic": "scores",
    "labels_topic": "labels", "campaigns_topic": "campaigns", "dead_letters_topic": "events.dlq",
}  # fmt: skip


class _EventId(msgspec.Struct):
    event_id: str


_event_id: Final = msgspec.json.Decoder(_EventId).decode


def demo(
    events: Annotated[int, typer.Option(help="How many events to make up.", min=1_000)] = 40_000,
    rate: Annotated[int, typer.Option(help="Events produced per second.", min=100)] = 2_000,
    dir_: Annotated[Path, typer.Option("--dir", help="Folder for lake and state; emptied at each start.")] = Path(
        "demo"
    ),
    json: Annotated[bool, typer.Option("--json", help="Print only the summary, as JSON.")] = False,
) -> None:
    """See the whole system work on this machine, in under a minute.

    Starts the embedded broker and the main job, produces the events of a made-up platform with bots in it, and
    shows decisions as they come. Leaves a lake to look around in, and nothing running.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    _empty(dir_)
    if not is_compiled():
        _say("kernels    compiling, once on this machine; that takes a minute or two …", quiet=json)
        compile_kernels()
    with ExitStack() as stack:
        settings = _settings(stack.enter_context(EmbeddedBroker()), dir_)
        _say(f"broker     embedded, at {settings.bootstrap_servers}", quiet=json)
        detection = stack.enter_context(_Detection(settings))
        detection.wait_until_started()
        _say("detection  running: features, model and policy on every event", quiet=json)
        platform = stack.enter_context(_Platform(settings, events, rate))
        _say(f"platform   {events:,} events of made-up people and bots, {rate:,} a second\n", quiet=json)
        seen = _look_on(settings, detection, platform, show=not json)
        seen.counted = detection.finish()
    if json:
        print_json(as_json(seen, platform.labels, dir_ / "lake"))
    else:
        OUT.print("\n".join(lines(seen, platform.labels, dir_ / "lake")))


def _say(text: str, *, quiet: bool) -> None:
    if not quiet:
        OUT.print(text)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _empty(folder: Path) -> None:
    """Make the demo's folder anew, and touch no folder that is not a demo's."""
    if folder.exists() and not (folder / _MARK).exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there and was not made by a demo; name another folder with --dir")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()


def _settings(broker: EmbeddedBroker, folder: Path) -> Settings:
    own = {"bootstrap_servers": broker.bootstrap_servers, "state_dir": folder / "state", "lake_dir": folder / "lake"}
    return load_settings(**_KAFKA_OF_ITS_OWN, **own, topic_partitions=1, lake_flush_seconds=2.0, metrics_port=0)


class _Detection:
    """The main job, in a thread of this process; its workers are processes of their own."""

    def __init__(self, settings: Settings) -> None:
        self.partitions = 0
        self._started = threading.Event()
        self._launcher = Launcher(settings, RunOptions(), self._note)
        self._threads = ThreadPoolExecutor(1)
        self._job = self._threads.submit(self._launcher.run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._launcher.stop()
        self._threads.shutdown()

    def wait_until_started(self) -> None:
        """Return once the topics exist and the workers are being started."""
        while not self._started.wait(0.05):
            self.check()

    def check(self) -> None:
        """Raise what ended the job, if anything did."""
        if self._job.done():
            self._job.result()

    def finish(self) -> dict[str, int]:
        """Drain and stop; what was counted."""
        self._launcher.stop()
        return self._job.result()

    def _note(self, started: Started) -> None:
        self.partitions = started.partitions
        self._started.set()


@dataclass
class _Platform:
    """Produces a simulation's events from a thread, and remembers when each was sent."""

    settings: Settings
    events: int
    rate: int
    sent_at: dict[str, float] = field(default_factory=dict)
    detecting: threading.Event = field(default_factory=threading.Event)
    """Set when the first events are through; the others wait for that, as they would for a system at work."""
    leaving: bool = False

    def __post_init__(self) -> None:
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=26)
        self._simulation = Simulation(replace(load_scenario("demo"), start=start), SEED, self.events)
        self._threads = ThreadPoolExecutor(1)

    @property
    def labels(self) -> dict[str, str]:
        """The truth: what each account that acted is."""
        return {label.account_id: label.label for label in self._simulation.labels}

    def __enter__(self) -> Self:
        self._job = self._threads.submit(self._produce)
        return self

    def __exit__(self, *_: object) -> None:
        self.leaving = True
        self._threads.shutdown()

    def done(self) -> bool:
        """Say whether all events are in the topic; raise what kept them out."""
        return self._job.done() and self._job.result() == self.events

    def _produce(self) -> int:
        topic, events = self.settings.events_topic, iter(self._simulation)
        sent = produce(self.settings, topic, self._batches(islice(events, FIRST_EVENTS)))
        while not self.detecting.wait(0.1):
            if self.leaving:
                return sent
        return sent + produce(self.settings, topic, self._batches(events), self.rate)

    def _batches(self, events: Iterator[SimEvent]) -> Iterator[list[tuple[bytes, bytes]]]:
        while not self.leaving and (batch := list(islice(events, self.rate // 20))):
            now = time.monotonic()
            self.sent_at.update((_event_id(event.value).event_id, now) for event in batch)
            yield [(event.key, event.value) for event in batch]


def _look_on(settings: Settings, detection: _Detection, platform: _Platform, *, show: bool) -> Seen:
    """Show decisions as they come, until every event is through."""
    seen = Seen()
    began = time.monotonic()
    caught_up_by: float | None = None
    with (
        Follower(settings, settings.decisions_topic, detection.partitions) as follower,
        Progress(settings, detection.partitions) as progress,
        ERR.status("waiting for the first decision …") as status,
    ):
        if not show:
            status.stop()
        while True:
            for value in follower.take(0.2):
                _note(seen, decisions.decode(value), platform, began, show=show)
            status.update(f"{len(platform.sent_at):,} events produced, {len(seen.decisions):,} decisions")
            detection.check()
            if not platform.detecting.is_set() and progress.events():
                platform.detecting.set()
            if platform.done():
                caught_up_by = caught_up_by or time.monotonic() + CATCH_UP_SECONDS
                if progress.events() >= platform.events or time.monotonic() > caught_up_by:
                    seen.decisions.extend(map(decisions.decode, follower.take(1.0)))
                    seen.seconds = time.monotonic() - began
                    return seen


def _note(seen: Seen, decision: decisions.Decision, platform: _Platform, began: float, *, show: bool) -> None:
    now = time.monotonic()
    seen.decisions.append(decision)
    seen.first_seconds = seen.first_seconds or now - began
    sent_at = platform.sent_at.get(decision.event_id or "", -math.inf)
    if sent_at > began + seen.first_seconds:
        seen.latencies.append(now - sent_at)
    if show and len(seen.decisions) <= SHOWN_MAX:
        OUT.print(decision_line(decision))
    if show and len(seen.decisions) == SHOWN_MAX:
        OUT.print("…")
