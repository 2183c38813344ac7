"""The kernel decorator: numba, compiled once per machine and version of our code.

numba's own cache looks only at the file a kernel stands in, so a kernel would go on with old versions of those it calls
from other files. Ours is a folder named by the content of every file with kernels (and all of ``features``, whose
kernels take constants from files without any): any change there compiles anew. It lies in ``NUMBA_CACHE_DIR`` if that
is set, else in the user's cache folder.

Kernels work on arrays their caller owns and make none, so they are compiled without numba's reference counting
(``_nrt=False``; a kernel that made an array would not compile). Counting the arrays of a named tuple at every call, by
atomic instructions, had cost more than the work: a scan took 2.6 times, the features 1.4 times as long.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
from numba import config

_F = TypeVar("_F", bound=Callable[..., Any])
_njit: Final[Any] = numba.njit  # its stubs do not know _nrt

_ROOT: Final = Path(__file__).parents[2]
_PACKAGES: Final = ("detector", "features", "models")


def _cache_dir() -> Path:
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    base = Path(os.environ.get("NUMBA_CACHE_DIR") or caches / "gillnet")
    content = hashlib.blake2b(digest_size=8)
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            source = path.read_bytes()
            if package == "features" or b"contract.jit import" in source:
                content.update(source)
    return base / f"kernels-{content.hexdigest()}"


CACHE_DIR: Final = _cache_dir()
"""Where compiled kernels are kept."""

config.CACHE_DIR = str(CACHE_DIR)  # type: ignore[attr-defined]  # numba makes its settings as it starts


def kernel(function: _F) -> _F:
    """Compile a function with numba, keeping its Python type."""
    return cast("_F", _njit(cache=True, _nrt=False)(function))


def inlined(function: _F) -> _F:
    """Compile a small function into whatever kernel calls it."""
    return cast("_F", _njit(cache=True, _nrt=False, inline="always")(function))


def part(function: _F) -> _F:
    """Compile a function into the machine code of each kernel that calls it: no call, no copy of its arguments.

    (A named tuple of arrays is some fifty words to hand over. ``inlined`` does the same before types are known, which
    takes longer to compile and suits what is called with several types.)
    """
    return cast("_F", _njit(cache=True, _nrt=False, forceinline=True)(function))


def scoring_kernel(function: _F) -> _F:
    """Compile without the GIL, and with IEEE division, for loops that must become SIMD."""
    return cast("_F", _njit(boundscheck=False, error_model="numpy", nogil=True, cache=True)(function))
