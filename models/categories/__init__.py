"""What kind of message it is: spam, a scam, harassment; by a small linear model over vectors and lexical measures."""

from models.categories.classifier import NAMES, SHIPPED, Categories

__all__ = ["NAMES", "SHIPPED", "Categories"]
