"""Dead letters as lines of a file: written to be repaired, and read again as events."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from detector.contract.decode import decode
from detector.contract.errors import GillnetError, UsageError
from detector.files import limits_from

if TYPE_CHECKING:
    from detector.settings import Settings

_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


def joined(values: Iterable[bytes]) -> bytes:
    """Write each value on a line of its own; a line break within one, which in JSON is no more than a space, is one."""
    return b"".join(value.translate(_ONE_LINE) + b"\n" for value in values)


def write_lines(path: Path, values: Iterable[bytes]) -> None:
    """Write values to a file, as `joined` says, one at a time."""
    try:
        with path.open("wb") as out:
            out.writelines(joined([value]) for value in values)
    except OSError as error:
        raise UsageError(f"--output: cannot write {str(path)!r}: {error.strerror}") from error


def edited(lines: bytes, command: str) -> bytes:
    """Let a command change a file of these lines, whose name is its last argument; what it holds then."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--editor: {command!r} is no command: {error}") from error
    with tempfile.TemporaryDirectory(prefix="gillnet-dlq-") as folder:
        path = Path(folder) / "letters.jsonl"
        path.write_bytes(lines)
        try:
            done = subprocess.run([*words, str(path)], check=False)  # noqa: S603 - the user's own command, no shell
        except (OSError, IndexError) as error:
            raise UsageError(f"--editor: cannot start {command!r}: {error}") from error
        if done.returncode != 0:
            raise GillnetError(f"the editor {words[0]!r} ended with {done.returncode}; nothing was sent")
        return path.read_bytes()


def events_in(lines: bytes, settings: Settings) -> list[tuple[bytes, bytes]]:
    """Give key (the account's id) and value of every line; GillnetError when one is no event."""
    values = [line for line in lines.split(b"\n") if line.strip()]
    if not values:
        raise UsageError("expected one event a line, got none; nothing was sent")
    decoded = decode(values, limits_from(settings), time.time_ns() // 1_000_000)
    if decoded.dead:
        first, others = decoded.dead[0], len(decoded.dead) - 1
        more = f" (and {others} others)" if others else ""
        raise GillnetError(
            f"event {first.row + 1} of {len(values)} is still none, {first.cause}: {first.detail}{more}; "
            "repair it (--editor, or a file with --repaired); nothing was sent"
        )
    keys = decoded.events.get_column("account_id")
    return [(key.encode(), value) for key, value in zip(keys, values, strict=True)]
