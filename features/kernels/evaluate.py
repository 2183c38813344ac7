"""From running totals to feature vectors. `specialise` writes a line for each feature of a catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.contract.jit import kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from features.arrays import State


@kernel
def evaluate(s: State, r: int, vector: NDArray[np.float64]) -> None:
    """Read every feature of the record at word r into a vector of shape (F,)."""
