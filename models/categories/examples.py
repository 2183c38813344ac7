"""Generated messages: grammars expanded and then written the way each channel writes."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.categories.grammar import Grammar, Part, expand

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_GLUES: Final = (" ", ". ", ". ", "! ", "\n", ", ", " ")
_PUNCTUATION: Final = re.compile(r"[!-/:-@\[-`{-~]")  # ASCII only: elsewhere a sign may be part of a letter
_SIGN: Final = re.compile(r"([!-/:-@\[-`{-~])")
_DIGITS: Final = re.compile(r"\d+")
_WORD: Final = re.compile(r"\w{4,}")


@dataclass(frozen=True, slots=True)
class Example:
    """A message, where it comes from and its categories; of the open ones it is unknown whether they hold.

    An altered one was made of another to be learned from; nothing is judged by it.
    """

    text: str
    source: str
    labels: frozenset[str]
    open_labels: frozenset[str] = frozenset()
    altered: bool = False


def generate(grammars: Sequence[Grammar], each: int, part: Part, seed: int) -> list[Example]:
    """Make the same number of different messages from every grammar."""
    made: list[Example] = []
    for grammar in grammars:
        rng = random.Random(f"{seed} {part.value} {grammar.name}")  # noqa: S311  # no secret hangs on it
        seen: dict[str, None] = {}
        for _ in range(4 * each):  # short rules repeat themselves: leave it at what they have
            seen.setdefault(restyle(expand(grammar, part, rng, rng.choice(_GLUES)), rng))
            if len(seen) == each:
                break
        made += [Example(text, grammar.name, grammar.labels, grammar.open_labels) for text in seen]
    return made


def restyle(text: str, rng: random.Random) -> str:
    """Write a message as it might arrive: other case, lost or detached punctuation, slips of the keyboard."""
    for share, change in _STYLES:
        if rng.random() < share:
            text = change(text, rng)
    return text.strip()


def _capital(text: str, _rng: random.Random) -> str:
    return re.sub(r"(^|[.!?\n] ?)([a-z])", lambda match: match[1] + match[2].upper(), text)


def _shout(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    start = rng.randrange(len(words))
    stop = start + rng.randint(1, 6)
    return " ".join([*words[:start], *(word.upper() for word in words[start:stop]), *words[stop:]])


def _lower(text: str, _rng: random.Random) -> str:
    return text.lower()


def _unpunctuated(text: str, _rng: random.Random) -> str:
    return " ".join(_PUNCTUATION.sub(" ", text).split())


def _detached(text: str, _rng: random.Random) -> str:
    return " ".join(_SIGN.sub(r" \1 ", text).split())


def _without_digits(text: str, _rng: random.Random) -> str:
    return " ".join(_DIGITS.sub(" ", text).split())


def _slip(text: str, rng: random.Random) -> str:
    words = list(_WORD.finditer(text))
    if not words:
        return text
    at = rng.choice(words).start() + rng.randrange(1, 3)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _wrapped(text: str, rng: random.Random) -> str:
    words, width = text.split(" "), rng.randint(8, 14)
    return "\n".join(" ".join(words[i : i + width]) for i in range(0, len(words), width))


_STYLES: Final[tuple[tuple[float, Callable[[str, random.Random], str]], ...]] = (
    (0.6, _capital),
    (0.1, _shout),
    (0.1, _slip),
    (0.1, _slip),
    (0.1, _wrapped),
    (0.3, _lower),
    (0.2, _unpunctuated),
    (0.12, _detached),
    (0.08, _without_digits),
)
