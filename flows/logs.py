"""Structured logs: one JSON object a line, on stderr."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Final

import msgspec

from detector.contract.times import rfc3339
from detector.printable import printable_json

_NOISY: Final = ("librdkafka",)


class JsonLines(logging.Formatter):
    """Formats a log record as one JSON object."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Write the record's time, level, place and message; and the traceback of an error."""
        fields = {
            "ts": rfc3339(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info is not None and record.exc_info[1] is not None:
            fields["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        return printable_json(msgspec.json.encode(fields).decode())


def start(process: str, verbose: bool) -> None:
    """Log to stderr: warnings and worse, or with ``verbose`` what happens too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler], force=True)
    for name in _NOISY:  # it repeats what error callbacks tell once
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.CRITICAL)
