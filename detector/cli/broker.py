"""``gillnet broker``."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from detector.cli.console import ERR
from flows.broker import BrokerError, EmbeddedBroker

EXAMPLE = """
Examples:
  gillnet broker
  gillnet broker --port 9092
"""


def broker(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0: any free one.", min=0, max=65535)] = 9092,
) -> None:
    """Start the embedded Kafka-compatible broker in the foreground, for development.

    It keeps everything in memory: topics are gone when it stops. Ctrl-C or SIGTERM stops it.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    with EmbeddedBroker(port or None) as running:
        ERR.print(f"broker at {running.bootstrap_servers}, in memory; Ctrl-C stops", soft_wrap=True)
        code = running.wait()
    raise BrokerError(f"the broker ended by itself with {code}; start it again")


def _leave(number: int, frame: FrameType | None) -> None:
    del number, frame
    sys.exit(0)
