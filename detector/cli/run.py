"""``gillnet run``."""

from __future__ import annotations

from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from detector.cli.console import ERR, OUT, print_json
from detector.settings import Settings, load_settings
from flows import launcher, logs
from flows.launcher import Launcher, RunOptions, Started

EXAMPLE = """
Examples:
  gillnet run --bootstrap-servers kafka:9092 --workers 4
  gillnet run --until-end --json
  gillnet run --broker embedded
  gillnet run --backfill-from lake
"""


class BackfillFrom(StrEnum):
    """Where history is."""

    LAKE = "lake"


class Broker(StrEnum):
    """Which broker to use."""

    KAFKA = "kafka"
    EMBEDDED = "embedded"


def run(
    bootstrap_servers: Annotated[str | None, typer.Option(help="Kafka's addresses.  [default: 127.0.0.1:9092]")] = None,
    broker: Annotated[Broker, typer.Option(help="kafka: the one at those addresses; embedded: one of its own.")] = (
        Broker.KAFKA
    ),
    workers: Annotated[int | None, typer.Option(help="Worker processes.  [default: 1]")] = None,
    until_end: Annotated[bool, typer.Option("--until-end", help="Stop at the end of the topic.")] = False,
    backfill_from: Annotated[
        BackfillFrom | None,
        typer.Option(help="lake: first fill features that are new, or all of a new state, from its events."),
    ] = None,
    scores: Annotated[
        bool | None, typer.Option("--scores/--no-scores", help="Also publish every score.", show_default=False)
    ] = None,
    shadow: Annotated[
        bool | None,
        typer.Option("--shadow/--no-shadow", help="Mark decisions as without effect.", show_default=False),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Model folder.  [default: the champion, else the shipped]")] = None,
    state_dir: Annotated[Path | None, typer.Option(help="Where state is kept.  [default: state]")] = None,
    lake_dir: Annotated[Path | None, typer.Option(help="Where the lake is written.  [default: lake]")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Prometheus port; 0: any.  [default: 9464]")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the closing summary as JSON.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log what happens, not only what goes wrong.")] = False,
) -> None:
    """Judge a Kafka stream: events in, decisions out, lake written.

    Runs until stopped: SIGTERM or Ctrl-C finishes what is at hand and stops, a second one stops at once. When
    a worker dies all start again from the last snapshot; no decision is lost, and none is written twice.
    """
    settings = load_settings(
        bootstrap_servers=bootstrap_servers, workers=workers, publish_scores=scores, shadow=shadow, model_dir=model,
        state_dir=state_dir, lake_dir=lake_dir, metrics_port=metrics_port,
    )  # fmt: skip
    logs.start("launcher", verbose)
    own = launcher.embedded(settings) if broker is Broker.EMBEDDED else nullcontext(settings)
    with own as chosen:
        counted = Launcher(chosen, RunOptions(until_end, verbose, backfill_from is not None), _say_started).run()
    if json:
        print_json(counted)
    else:
        OUT.print(_summary(counted))


def _say_started(started: Started) -> None:
    settings: Settings = started.settings
    ERR.print(
        f"running on {settings.bootstrap_servers}: {settings.events_topic} ({started.partitions} partitions) -> "
        f"{settings.decisions_topic}, workers {settings.workers}, lake {settings.lake_dir}, "
        f"metrics {started.metrics_url}; Ctrl-C stops",
        soft_wrap=True,
    )


def _summary(counted: dict[str, int]) -> str:
    return (
        f"{counted['read']:,} events read = {counted['processed']:,} processed + {counted['duplicate']:,} duplicate"
        f" + {counted['late']:,} late + {counted['dead']:,} dead; {counted['decisions']:,} decisions"
    )
