"""``gillnet simulate``."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile
from types import FrameType
from typing import Annotated, Final

import typer

from detector.cli import console
from detector.contract.errors import UsageError
from detector.contract.times import parse_rfc3339, rfc3339
from detector.settings import Settings, load_settings
from detector.simulator import Scenario, SimEvent, SimLabel, Simulation, load_scenario, saving
from detector.simulator.evasions import NAMES, named_evasions
from flows import clients
from flows.producer import produce

EXAMPLE = """
Examples:
  gillnet simulate --events 100000 --seed 7 --output events.jsonl --labels labels.csv
  gillnet simulate --evasion jitter,rotate --care 0.6 --output sly.jsonl --labels labels.csv
  gillnet simulate --scenario load --events 1000000 --output events.jsonl.zst
  gillnet simulate --scenario data/scenarios/example.toml --output - | head
  gillnet simulate --bootstrap-servers 127.0.0.1:9092 --rate 5000 --start now --publish-labels
"""
_BLOCK_LINES: Final = 1_000


@dataclass(slots=True)
class _Progress:
    """Counts what went out, for the bar and for the summary."""

    show: Callable[[int, int | None], None]
    total: int
    done: int = 0

    def __call__(self, more: int) -> None:
        self.done += more
        self.show(self.done, self.total)


def simulate(
    events: Annotated[int | None, typer.Option(min=1, help="Lines to write  [default: the scenario's own]")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 7,
    scenario: Annotated[str, typer.Option(help="demo, load, train, or a TOML file.")] = "demo",
    start: Annotated[str | None, typer.Option(help="Time of the first event, RFC 3339 or 'now'.")] = None,
    output: Annotated[str | None, typer.Option(help="File (.jsonl, .jsonl.gz, .jsonl.zst), or - for stdout.")] = None,
    labels: Annotated[str | None, typer.Option(help="File for the labels (.csv or .jsonl).")] = None,
    bootstrap_servers: Annotated[str | None, typer.Option(help="Write to this Kafka's events topic.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.1, help="Events a second, into Kafka.")] = None,
    publish_labels: Annotated[
        bool, typer.Option("--publish-labels", help="Write the labels to Kafka's labels topic, at the end.")
    ] = False,
    evasion: Annotated[
        str | None,
        typer.Option(help="What bots do to go unnoticed, parted by commas, or all: " + ", ".join(NAMES) + "."),
    ] = None,
    care: Annotated[
        float | None, typer.Option(min=0, max=1, help="How far they take it, from naive to careful.  [default: 1]")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Make up a platform: people, bots in campaigns, and the truth about each.

    The data is synthetic, for demos, load and tests. What a detector reaches on it says nothing about what it
    reaches on a real platform. Ctrl-C ends cleanly with what was written; the labels then cover just that.
    """
    _check_targets(output, labels, bootstrap_servers, json=json)
    if bootstrap_servers is None and (rate is not None or publish_labels):
        raise UsageError("--rate and --publish-labels are about Kafka; give --bootstrap-servers too")
    plan = load_scenario(scenario)
    if start is not None:
        plan = replace(plan, start=_moment(start))
    plan = _disguised(plan, evasion, care)
    simulation = Simulation(plan, seed, events)
    settings = None if bootstrap_servers is None else load_settings(bootstrap_servers=bootstrap_servers)
    with _until_interrupted() as stopped, console.progress("simulating") as show:
        progress = _Progress(show, simulation.wanted)
        lines = takewhile(lambda _: not stopped.is_set(), simulation)
        if settings is None:
            saving.write_events(str(output), lines, progress)
        else:
            _produce(settings, lines, rate, progress)
    if labels is not None:
        saving.write_labels(labels, simulation.labels)
    if settings is not None and publish_labels:
        _produce_labels(settings, simulation.labels)
    _summarise(simulation, progress.done, output or str(bootstrap_servers), labels, stopped.is_set(), json=json)


def _check_targets(output: str | None, labels: str | None, bootstrap_servers: str | None, *, json: bool) -> None:
    if (output is None) == (bootstrap_servers is None):
        raise UsageError("say where the events go: either --output FILE or --bootstrap-servers HOST:PORT")
    if output is not None:
        saving.check_events_path(output)
    if labels is not None:
        saving.check_labels_path(labels)
    if (output == "-") + (labels == "-") + json > 1:
        raise UsageError("only one of --output -, --labels - and --json can have standard output; write files")


def _disguised(plan: Scenario, evasion: str | None, care: float | None) -> Scenario:
    evasions = plan.evasions if evasion is None else named_evasions(evasion)
    if care is not None and not evasions:
        raise UsageError("--care says how far evasions are taken; name some with --evasion, or --evasion all")
    return replace(plan, evasions=evasions, care=plan.care if care is None else care)


def _moment(text: str) -> datetime:
    if text == "now":
        return datetime.now(UTC)
    at_ms = parse_rfc3339(text)
    if at_ms is None:
        raise UsageError(f"--start takes 'now' or a time with an offset, as in 2025-03-03T00:00:00Z; got {text!r}")
    return datetime.fromtimestamp(at_ms / 1000, UTC)


@contextmanager
def _until_interrupted() -> Iterator[threading.Event]:
    """Let the first Ctrl-C or SIGTERM end the stream in order; a second one is as usual."""
    stopped = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        stopped.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, stop)
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _produce(
    settings: Settings, lines: Iterable[SimEvent], rate: float | None, progress: Callable[[int], None]
) -> None:
    clients.ensure_topics(settings)
    size = _BLOCK_LINES if rate is None else max(1, min(_BLOCK_LINES, int(rate / 10)))  # so that it stops soon
    batches = ([(event.key, event.value) for event in block] for block in saving.in_blocks(lines, size))
    produce(settings, settings.events_topic, batches, rate, progress)


def _produce_labels(settings: Settings, labels: list[SimLabel]) -> None:
    pairs = [(label.account_id.encode(), saving.label_value(label)) for label in labels]
    produce(settings, settings.labels_topic, [pairs])


def _summarise(
    simulation: Simulation, written: int, target: str, labels: str | None, interrupted: bool, *, json: bool
) -> None:
    bots = sum(label.label == "bot" for label in simulation.labels)
    summary = {
        "events": written,
        "accounts": len(simulation.labels),
        "bots": bots,
        "first_ts": rfc3339(simulation.scenario.start_ms),
        "last_ts": rfc3339(simulation.last_ms or simulation.scenario.start_ms),
        "scenario": simulation.scenario.name,
        "seed": simulation.seed,
        "target": target,
        "labels": labels,
        "interrupted": interrupted,
        "synthetic": True,
    }
    if json:
        console.print_json(summary)
        return
    where = "" if target == "-" else f" to {target}"
    console.ERR.print(
        f"{'interrupted: ' if interrupted else ''}wrote {written:,} synthetic events{where}: "
        f"{len(simulation.labels):,} accounts, {bots:,} of them bots, {summary['first_ts']} to {summary['last_ts']}",
        soft_wrap=True,
    )
