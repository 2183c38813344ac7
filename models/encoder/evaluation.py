"""How well a static model does what its teacher does, on texts that neither training nor its choices have seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from features.text.column import TextColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from models.encoder.encoder import Encoder

_NEAREST: Final = 5
_EDITED_MIN: Final = 6  # words of a text that is edited: of fewer, an edit leaves little
_ENDINGS: Final = ("haha", "lol", "x", "ok?", "let me know", "hmu", "babe", "thanks")


def agreement(ours: NDArray[np.float32], theirs: NDArray[np.float32], rng: np.random.Generator) -> dict[str, float]:
    """Compare the cosines of pairs under two models, vectors (n, any) of the same texts.

    Half of the pairs are drawn at random, half are a text and one of the five that ``theirs`` puts nearest to it.
    """
    count = len(theirs)
    cosines = theirs @ theirs.T
    np.fill_diagonal(cosines, -1)
    near = np.argpartition(-cosines, _NEAREST, axis=1)[:, :_NEAREST]
    left = np.repeat(np.arange(count), _NEAREST)
    right = rng.integers(1, count, len(left))
    pairs = np.stack([np.tile(left, 2), np.concatenate([near.ravel(), (left + right) % count])])
    a, b = (np.einsum("ij,ij->i", v[pairs[0]], v[pairs[1]]) for v in (ours, theirs))
    return {
        "pearson": float(np.corrcoef(a, b)[0, 1]),
        "spearman": float(np.corrcoef(_ranks(a), _ranks(b))[0, 1]),
        "mean_absolute_difference": float(np.abs(a - b).mean()),
    }


def recall_of_edits(
    encode: Callable[[Sequence[str]], NDArray[np.float32]], texts: Sequence[str], rng: np.random.Generator
) -> dict[str, float]:
    """Say for each kind of edit how often the text it was made of is the nearest of all texts."""
    known = encode(texts)
    rows = [i for i, text in enumerate(texts) if len(text.split()) >= _EDITED_MIN]
    return {
        name: float(np.mean((encode([edit(texts[i].split(), rng) for i in rows]) @ known.T).argmax(axis=1) == rows))
        for name, edit in _EDITS.items()
    }


def texts_to_vectors(encoder: Encoder) -> Callable[[Sequence[str]], NDArray[np.float32]]:
    """Make a function of Python strings of an encoder."""
    return lambda texts: encoder.encode(TextColumn.of(texts))


def shortened(vectors: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """Cut unit vectors to their first numbers and make them unit length again."""
    short = vectors[:, :dimensions]
    return np.asarray(short / np.maximum(np.linalg.norm(short, axis=1, keepdims=True), 1e-12), np.float32)


def _ranks(values: NDArray[np.float32]) -> NDArray[np.int64]:
    return values.argsort().argsort()


def _without_a_word(words: list[str], rng: np.random.Generator) -> str:
    gone = int(rng.integers(len(words)))
    return " ".join(words[:gone] + words[gone + 1 :])


def _swapped(words: list[str], rng: np.random.Generator) -> str:
    at = int(rng.integers(len(words) - 1))
    return " ".join([*words[:at], words[at + 1], words[at], *words[at + 2 :]])


def _lengthened(words: list[str], rng: np.random.Generator) -> str:
    return " ".join([*words, str(rng.choice(_ENDINGS))])


def _cut(words: list[str], rng: np.random.Generator) -> str:
    return " ".join(words[: int(rng.integers(len(words) * 2 // 3, len(words)))])


def _misspelt(words: list[str], rng: np.random.Generator) -> str:
    at = int(rng.choice([i for i, word in enumerate(words) if len(word) == max(map(len, words))]))
    place = int(rng.integers(1, max(2, len(words[at]) - 1)))
    return " ".join([*words[:at], words[at][:place] + words[at][place + 1 :], *words[at + 1 :]])


def _all_of_them(words: list[str], rng: np.random.Generator) -> str:
    return _lengthened(_misspelt(_without_a_word(words, rng).split(), rng).split(), rng)


_EDITS: Final[dict[str, Callable[[list[str], np.random.Generator], str]]] = {
    "a word gone": _without_a_word,
    "two words swapped": _swapped,
    "words added": _lengthened,
    "cut short": _cut,
    "a word misspelt": _misspelt,
    "three at once": _all_of_them,
}
