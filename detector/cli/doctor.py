"""``gillnet doctor``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.text import Text

from detector.cli.checks import Finding, Level, examine
from detector.cli.console import OUT, print_json
from detector.settings import load_settings

EXAMPLE = """
Examples:
  gillnet doctor
  gillnet doctor --bootstrap-servers kafka-1:9092 --json
"""

_COLOURS: Final = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


def doctor(
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="Where Kafka answers.  [default: the setting bootstrap_servers]")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check settings, broker, lake and model, and say what to mend.

    Changes nothing. Exits 1 when something fails; a warning is no failure.
    """
    settings = load_settings(bootstrap_servers=bootstrap_servers)
    findings = []
    with _said_once():
        for finding in examine(settings):
            findings.append(finding)
            if not json:
                _print(finding)
    if json:
        print_json([asdict(finding) for finding in findings])
    if any(finding.level is Level.FAIL for finding in findings):
        raise typer.Exit(1)


@contextmanager
def _said_once() -> Iterator[None]:
    """Keep the clients' logs quiet: the findings say the same once, and with what to do."""
    loggers = [logging.getLogger(name) for name in ("librdkafka", "flows")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _print(finding: Finding) -> None:
    OUT.print(Text(f"{finding.level:<5}", style=_COLOURS[finding.level]), f"{finding.check:<9}", finding.found)
    if finding.advice is not None and finding.level is not Level.OK:
        OUT.print(f"{'':15} → {finding.advice}")
