"""Phrases: text with slots, parsed once and said many times with different words.

``{a|b|c}`` says one of the choices, a ``+name`` in a choice stands for every word of a named list, and ``<name>``
is filled in before parsing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from detector.simulator.draws import Draws

_SLOT: Final = re.compile(r"\{([^{}]*)\}")
_NAMED: Final = re.compile(r"\+([a-z]+)")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stay and words that vary."""

    parts: tuple[str | tuple[str, ...], ...]

    def say(self, draws: Draws) -> str:
        """Choose the words that vary."""
        return "".join([part if isinstance(part, str) else draws.pick(part) for part in self.parts]).strip()

    def settle(self, draws: Draws, share: float) -> Phrase:
        """Fix this share of the choices for good, as one writer's version of the phrase."""
        return Phrase(
            tuple(
                draws.pick(part) if not isinstance(part, str) and draws.chance(share) else part for part in self.parts
            )
        )


def phrase(text: str, lists: Mapping[str, tuple[str, ...]], **filled: str) -> Phrase:
    """Parse a phrase.

    >>> phrase("{hi|hey} <name>", {}, name="Ana").parts
    (('hi', 'hey'), ' Ana')
    """
    for name, value in filled.items():
        text = text.replace(f"<{name}>", value)
    parts: list[str | tuple[str, ...]] = []
    for index, piece in enumerate(_SLOT.split(text)):
        if index % 2 == 0:
            parts += [piece] if piece else []
        else:
            parts.append(tuple(choice for slot in piece.split("|") for choice in _choices(slot, lists)))
    return Phrase(tuple(parts))


def _choices(slot: str, lists: Mapping[str, tuple[str, ...]]) -> list[str]:
    named = _NAMED.search(slot)
    if named is None:
        return [slot]
    return [slot.replace(named[0], word) for word in lists[named[1]]]
