"""What the launcher tells a worker, and how a worker's end is understood; light, for both import it."""

from __future__ import annotations

from typing import Final

import msgspec

from flows.state import Deployment

FAILED: Final = "worker failed"
"""How a worker's last log line begins when it fails."""
WRONG_USAGE: Final = 2
CANNOT_CONTINUE: Final = 3
"""Exit codes after which another start would only repeat the error."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is told. Settings travel as JSON on stdin: no secret shows in a process list."""

    settings: str
    deployment: Deployment
    index: int
    addresses: tuple[str, ...]
    partitions: int
    until_end: bool
    verbose: bool
    backfill: bool = False
    """Fill the features of the state from the lake, and end."""
