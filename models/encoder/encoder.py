"""What any model that embeds messages can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from features.text.column import TextColumn


class Encoder(Protocol):
    """Texts to unit vectors."""

    @property
    def model_id(self) -> str:
        """Name the model by its content: vectors and thresholds of another id mean something else."""

    @property
    def dimensions(self) -> int:
        """Return the length of a vector."""

    def encode(self, folded: TextColumn) -> NDArray[np.float32]:
        """Embed texts, shape (n, dimensions), each of length 1; all zeros for an empty one."""
