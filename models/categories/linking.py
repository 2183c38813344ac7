"""Links put into messages, benign and harmful alike: of those we have, harmful ones hold far more links than others do.

A copy with a link says what its original says. A model that learns from both takes what is said for the reason.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from models.categories.grammar import Part, expand, read_shared

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from models.categories.examples import Example

SHARE: Final = 0.3
"""How many copies with links there are to each message. From .3 to .5 it makes little difference."""
_AT_END, _AT_START = 0.7, 0.1  # else between two words
_SECOND: Final = 0.15


def linked(examples: Sequence[Example], rng: random.Random) -> list[Example]:
    """Copy some of the messages and put a link into each copy, now and then two."""
    links = read_shared("anylink")
    made = []
    for example in examples:
        if rng.random() < SHARE:
            text = example.text
            for _ in range(1 + (rng.random() < _SECOND)):
                text = _with(text, expand(links, Part.ALL, rng), rng)
            made.append(replace(example, text=text, altered=True))
    return made


def _with(text: str, link: str, rng: random.Random) -> str:
    place = rng.random()
    if place < _AT_END:
        return f"{text}{rng.choice((' ', ' ', ' ', chr(10)))}{link}"
    if place < _AT_END + _AT_START:
        return f"{link} {text}"
    words = text.split(" ")
    words.insert(rng.randint(0, len(words)), link)
    return " ".join(words)
