"""The kernel decorator: numba, compiled once per machine and version of our code.

numba's own cache looks only at the file a kernel stands in, so a kernel would go on with old versions of those it calls
from other files. Ours are folders named by the content of every file with kernels that a group of them is made from
(and all of ``features``, whose kernels take constants from files without any): a change there compiles the group anew.
They lie in ``NUMBA_CACHE_DIR`` if that is set, else in the user's cache folder.

Kernels work on arrays their caller owns and make none, so they are compiled without numba's reference counting
(``_nrt=False``; a kernel that made an array would not compile). Counting the arrays of a named tuple at every call, by
atomic instructions, had cost more than the work: a scan took 2.6 times, the features 1.4 times as long.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
from numba import config

_F = TypeVar("_F", bound=Callable[..., Any])
_njit: Final[Any] = numba.njit  # its stubs do not know _nrt

_ROOT: Final = Path(__file__).parents[2]
_GROUPS: Final = {
    "detector.contract": ("detector/contract",),
    "features.text": ("detector/contract", "features"),
    "features": ("detector/contract", "features -text"),
    "": ("detector", "features", "models"),
}
"""Kernels by the beginning of their modules' names, and the folders whose files they are made from."""


@cache
def cache_dir(module: str) -> Path:
    """Name the folder for a module's compiled kernels."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    base = Path(os.environ.get("NUMBA_CACHE_DIR") or caches / "gillnet")
    folders = next(folders for start, folders in _GROUPS.items() if module.startswith(start))
    content = hashlib.blake2b(digest_size=8)
    for path in sorted(path for folder in folders for path in _files(folder)):
        source = path.read_bytes()
        if "features" in path.relative_to(_ROOT).parts or b"contract.jit import" in source:
            content.update(source)
    return base / f"kernels-{content.hexdigest()}"


def _files(folder: str) -> Iterator[Path]:
    name, _, without = folder.partition(" -")
    for path in (_ROOT / name).rglob("*.py"):
        if not without or without not in path.relative_to(_ROOT / name).parts:
            yield path


CACHE_DIR: Final = cache_dir("features")
"""Where most compiled kernels are kept."""


def _compiled(function: _F, **options: bool | str) -> _F:
    of_catalogue = function.__module__.startswith("gillnet_kernels_")
    config.CACHE_DIR = str(CACHE_DIR if of_catalogue else cache_dir(function.__module__))  # type: ignore[attr-defined]  # numba makes its settings as it starts
    return cast("_F", _njit(cache=True, **options)(function))


def kernel(function: _F) -> _F:
    """Compile a function with numba, keeping its Python type."""
    return _compiled(function, _nrt=False)


def inlined(function: _F) -> _F:
    """Compile a small function into whatever kernel calls it."""
    return _compiled(function, _nrt=False, inline="always")


def part(function: _F) -> _F:
    """Compile a function into the machine code of each kernel that calls it: no call, no copy of its arguments.

    (A named tuple of arrays is some fifty words to hand over. ``inlined`` does the same before types are known, which
    takes longer to compile and suits what is called with several types.)
    """
    return _compiled(function, _nrt=False, forceinline=True)


def scoring_kernel(function: _F) -> _F:
    """Compile without the GIL, and with IEEE division, for loops that must become SIMD."""
    return _compiled(function, boundscheck=False, error_model="numpy", nogil=True)
