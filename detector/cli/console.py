"""Where commands print: results to stdout, progress and remarks to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from detector.printable import printable_json

OUT: Final = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
ERR: Final = Console(stderr=True, markup=False, emoji=False, highlight=False)


def print_json(value: Any) -> None:  # noqa: ANN401 -- whatever JSON can say
    """Print a result for a program to read, as one line."""
    sys.stdout.write(printable_json(json.dumps(value, ensure_ascii=False)) + "\n")


@contextmanager
def progress(description: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar on terminals; the value takes what is done so far and the total, None while unknown."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=ERR, transient=True, disable=not ERR.is_terminal) as bar:
        task = bar.add_task(description, total=None)

        def advance(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield advance
