"""The kernel decorator: numba, compiled once per machine and version of our code (`kernel_cache`).

Kernels work on arrays their caller owns and make none, so they are compiled without numba's reference counting
(``_nrt=False``; a kernel that made an array would not compile). Counting the arrays of a named tuple at every call, by
atomic instructions, had cost more than the work: a scan took 2.6 times, the features 1.4 times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numba
from numba import config

from detector.contract.kernel_cache import CACHE_DIR, cache_dir

_F = TypeVar("_F", bound=Callable[..., Any])
_njit: Final[Any] = numba.njit  # its stubs do not know _nrt


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
