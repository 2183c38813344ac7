"""States that are small in the recovery store.

A shard's arrays are mostly zeros, and each epoch they are written whole: packed they take a fifth of the bytes and, the
packing included, a fifth of the time.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pyarrow as pa

_CODEC = "lz4"


class Packed(dict[str, Any]):
    """A dict like any other until it is pickled."""

    def __reduce__(self) -> tuple[Callable[[int, bytes], Packed], tuple[int, bytes]]:
        """Pickle it packed."""
        content = pickle.dumps(dict(self), pickle.HIGHEST_PROTOCOL)
        return _unpack, (len(content), pa.compress(content, codec=_CODEC, asbytes=True))


def _unpack(size: int, packed: bytes) -> Packed:
    return Packed(pickle.loads(pa.decompress(packed, size, codec=_CODEC)))  # noqa: S301 - our own state
