"""A ceiling on this process's memory, for work whose own limit does not count everything."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import psutil  # type: ignore[import-untyped]


@contextmanager
def ceiling(more_bytes: int) -> Iterator[None]:
    """Let the process take so many bytes more than it has; beyond that, allocations fail (Linux; elsewhere nothing)."""
    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    held = getattr(psutil.Process().memory_info(), "data", None)
    if held is None:
        yield
        return
    wanted = held + more_bytes
    known = [limit for limit in (before, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(wanted, *known) if known else wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))
