"""What we learn: scorer, training, evaluation."""

from functools import cache
from pathlib import Path

from models.folder import load
from models.model import Model

SHIPPED = Path(__file__).parent / "shipped"
"""The folder of the model that ships with Gillnet."""


@cache
def default() -> Model:
    """Load the model that ships with Gillnet."""
    return load(SHIPPED)


__all__ = ["SHIPPED", "Model", "default"]
