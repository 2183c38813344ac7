"""Forgetting accounts of which nothing was heard for long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.contract.jit import kernel
from features.arrays import NO_TIME

from .records import forget_account, latest_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from features.arrays import State


@kernel
def sweep(s: State, first: int, top: int, before_ms: int, pinned: NDArray[np.bool_], freed: NDArray[np.int64]) -> int:
    """Forget those of the slots from ``first`` on that are idle since before a time and not pinned; how many were."""
    count = 0
    for i in range(freed.shape[0]):
        slot = (first + i) % top
        latest = latest_of(s, slot)
        if latest != NO_TIME and latest < before_ms and not pinned[slot]:
            forget_account(s, slot)
            freed[count] = slot
            count += 1
    return count
