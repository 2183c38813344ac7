"""The encoder of every message: the sum of the vectors of a text's word pieces, made unit length.

A static model is a table with a row for each piece of a WordPiece vocabulary. This gives what sentence-transformers
gives for the same folder, at a fraction of the cost. Only the tokens in brackets that some tokenizers look for in the
text itself, such as ``[PAD]``, are not looked for: folded texts have none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from models.encoder.characters import Characters
from models.encoder.folder import StaticModel, read
from models.encoder.wordpiece import HELD, Limits, sum_pieces, trie_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.text.column import TextColumn

SHIPPED: Final = Path(__file__).parent / "shipped"
"""The folder of the static model that ships with Gillnet."""

_LENGTH_MIN: Final = np.float32(1e-12)  # as sentence-transformers: a text without known words stays all zeros


class StaticEncoder:
    """Texts to unit vectors by a table of word pieces: the same text always has the same vector."""

    def __init__(self, model: StaticModel) -> None:
        """Lay the model out for its kernels."""
        self._model = model
        self._characters = Characters(model.normalizer)
        self._trie = trie_of(model.pieces, model.prefix)
        self._limits = Limits(model.word_characters_max, model.tokens_max, model.unknown)

    @classmethod
    def load(cls, folder: Path | None = None) -> StaticEncoder:
        """Load the model of a folder as sentence-transformers writes it; the shipped one if none is named.

        Raises UsageError if the folder is no static model over a WordPiece vocabulary; says what is wrong.
        """
        return cls(read(SHIPPED if folder is None else folder))

    @property
    def model_id(self) -> str:
        """Name the model by its content; it goes with every vector and threshold."""
        return self._model.model_id

    @property
    def dimensions(self) -> int:
        """Return the length of a vector."""
        return int(self._model.table.shape[1])

    def encode(self, folded: TextColumn) -> NDArray[np.float32]:
        """Embed texts, shape (n, dimensions), each of length 1, or all zeros if it has no known word."""
        out = np.zeros((len(folded), self.dimensions), np.float32)
        words = self._characters.words(folded)
        ids = np.empty(HELD + self._limits.characters, np.int64)
        sum_pieces(*words, self._trie, self._limits, self._model.table, self._model.scales, ids, out)
        lengths = np.sqrt(np.einsum("ij,ij->i", out, out))
        out /= np.maximum(lengths, _LENGTH_MIN)[:, None]
        return out
