"""Packages that are not installed with Gillnet itself."""

from __future__ import annotations

import importlib
from typing import Any, Final

from detector.contract.errors import UsageError

EXTRA: Final = "text"
"""The extra that brings them."""


def needed(module: str) -> Any:  # noqa: ANN401  # no types: these packages are absent where types are checked
    """Import a module of the extra.

    Raises UsageError if it is not installed; says what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        msg = f"{module} is needed here, and {error.name} is not installed; run: pip install 'gillnet[{EXTRA}]'"
        raise UsageError(msg) from error
