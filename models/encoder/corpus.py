"""The texts from which the static model learns: openly licensed, from a package, the same at every run.

The texts are messages of the Chit-Chat data set (package ``chitchat-dataset``, MIT licence). Chat has few words, so as
many texts again are messages in which words have been exchanged for others of the vocabulary: the teacher says what
each word does to a sentence, whether chat uses it or not.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from models.encoder.extras import needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

WORDS: Final = range(3, 31)
"""How many words a text may have: below, there is nothing to learn; above, chat has few."""
CHARACTERS_MAX: Final = 400
_HELD_OUT_OF_256: Final = 48
_EXCHANGED_MIN: Final = 4  # letters of a word that may be exchanged: shorter ones are mostly grammar
_EXCHANGES: Final = 2


def held_out(text: str) -> bool:
    """Tell whether a text is kept from training, for good: about 19 % are, by a hash of their lower case."""
    return hashlib.sha256(text.strip().lower().encode()).digest()[0] < _HELD_OUT_OF_256


def chat_messages() -> list[str]:
    """Read the messages of the Chit-Chat data set, each once, in an order that is always the same.

    Raises UsageError if the package that carries them is not installed.
    """
    package = needed("chitchat_dataset")
    turns = (turn for talk in package.Dataset().values() for turn in talk["messages"])
    texts = {" ".join(part["text"].split()) for turn in turns for part in turn}
    known = {text.lower(): text for text in sorted(texts)}  # one of those that differ in case only
    return [text for text in sorted(known.values()) if len(text) <= CHARACTERS_MAX and len(text.split()) in WORDS]


def training_texts(words: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """Draw ``count`` texts to learn from: three in five as they were written, the rest with words exchanged.

    ``words`` are those to exchange for; each comes up about as often as any other.
    """
    messages = [text for text in chat_messages() if not held_out(text)]
    order = rng.permutation(len(messages))
    plain = [messages[i] for i in order[: count * 3 // 5]]
    offered = [words[i] for i in rng.permutation(len(words))]
    mixed: list[str] = []
    while len(mixed) < count - len(plain):
        source = messages[int(rng.integers(len(messages)))]
        place = len(mixed) * _EXCHANGES % len(offered)
        mixed.append(_exchanged(source, offered[place : place + _EXCHANGES], rng))
    return plain + mixed


def held_out_texts(count: int, rng: np.random.Generator) -> list[str]:
    """Draw texts that no training has seen."""
    messages = [text for text in chat_messages() if held_out(text)]
    return [messages[i] for i in rng.permutation(len(messages))[:count]]


def _exchanged(text: str, words: Sequence[str], rng: np.random.Generator) -> str:
    parts = text.split()
    places = [i for i, part in enumerate(parts) if len(part) >= _EXCHANGED_MIN] or list(range(len(parts)))
    chosen = rng.permutation(places)[: len(words)]
    for place, word in zip(chosen, words, strict=False):
        parts[int(place)] = word
    return " ".join(parts)
