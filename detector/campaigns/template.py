"""The template behind texts: what they have in common, and in braces what varies."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

from features.text.slots import SLOTS

if TYPE_CHECKING:
    from collections.abc import Sequence

VARIES: Final = "{…}"
WORDS_MAX: Final = 96


def template_of(normal: Sequence[str]) -> str:
    """Align texts in normal form word by word; slots that all have keep their name.

    >>> template_of(["hi anna write me at handle", "hi lena please write me at handle"])
    'hi {…} write me at {handle}'
    """
    template: list[str] = []
    for text in normal:
        words = [f"{{{word}}}" if word in SLOTS else word for word in text.split()[:WORDS_MAX]]
        template = _aligned(template, words) if template else words
    return " ".join(template)


def _aligned(one: list[str], other: list[str]) -> list[str]:
    """Keep what both have in the same order; what lies between varies."""
    kept: list[str] = []
    i = j = 0
    for block in SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks():
        if (block.a > i or block.b > j) and kept[-1:] != [VARIES]:
            kept.append(VARIES)
        kept += one[block.a : block.a + block.size]
        i, j = block.a + block.size, block.b + block.size
    return [word for at, word in enumerate(kept) if word != VARIES or kept[at - 1 : at] != [VARIES]]
