"""Compiling the kernels, before a machine's first start needs them: ``python -m detector.compiling``."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
from pathlib import Path
from typing import Final

from detector.contract.errors import GillnetError
from detector.contract.kernel_cache import cache_dir

_PARTS: Final = ("texts", "accounts")
"""Parts of `detector.warm` that have no kernel in common that takes long."""
_HERE: Final = Path(__file__)
_INSTALLED: Final = hashlib.blake2b(f"{_HERE} {_HERE.stat().st_mtime_ns}".encode(), digest_size=8).hexdigest()
"""Names this installation: numba keeps what it compiled by the place and the time of each file."""
_COMPILED: Final = cache_dir("detector") / f"complete-{_INSTALLED}"
_log = logging.getLogger(__name__)


def is_compiled() -> bool:
    """Tell whether all kernels of this version are compiled."""
    return _COMPILED.exists()


def compile_kernels() -> None:
    """Compile all kernels, in two processes beside each other; GillnetError if that fails."""
    _warm(*_PARTS)
    _warm("")
    try:
        _COMPILED.parent.mkdir(parents=True, exist_ok=True)
        _COMPILED.touch()
    except OSError as error:
        _log.debug("the cache of kernels cannot be written: %s", error)  # `gillnet doctor` says what to do about that


def _warm(*parts: str) -> None:
    running = [
        subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "detector.warm", part], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for part in parts
    ]
    for each in running:
        _, errors = each.communicate()
        if each.returncode:
            raise GillnetError(f"the kernels could not be compiled: {errors.decode(errors='replace').strip()}")


if __name__ == "__main__" and not is_compiled():
    compile_kernels()
