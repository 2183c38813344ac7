"""What texts say, one by one: their language, what they are about, and what they look like to those who group them."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from features import messages as m
from features.columns import TARGET
from features.messages import Messages
from features.text.contacts import joined
from features.text.language import guess_languages
from features.text.signatures import sign
from models.categories import Categories
from models.encoder import StaticEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from features.columns import EventColumns

_CATEGORIES: Final = {
    m.SPAM: ("spam",),
    m.SCAM: ("scam_investment", "scam_romance", "scam_verification", "scam_gift_card", "scam_job"),
    m.HARVESTING: ("contact_harvesting",),
    m.SOLICITATION: ("sexual_solicitation",),
    m.HARASSMENT: ("harassment",),
}
"""Measures, and the categories each is the highest of."""


class MessageReader:
    """Reads texts with an encoder and a category model."""

    def __init__(self, encoder: StaticEncoder, categories: Categories) -> None:
        self._encoder, self._categories = encoder, categories

    @classmethod
    def load(cls, encoder_dir: Path | None = None, categories_dir: Path | None = None) -> MessageReader:
        """Load models, those shipped where none is named; UsageError if one is broken or does not fit the other."""
        encoder = StaticEncoder.load(encoder_dir)
        return cls(encoder, Categories.load(categories_dir, encoder_id=encoder.model_id))

    def read(self, columns: EventColumns) -> Messages | None:
        """Fill in measures and vectors of a batch just derived; give its texts, or None if it has none."""
        known = columns.fields
        accounts = None if known is None or known.column("text") is None else known.column("account_id")
        if known is None or accounts is None:
            return None
        rows, texts = known.written
        folded, full = known.normal
        vectors = self._encoder.encode(folded)
        languages = guess_languages(texts)
        columns.vectors[rows] = m.pack(vectors)
        columns.measures[rows, m.LANGUAGE] = languages
        columns.measures[rows, m.TEMPLATE] = 0
        scaled = self._scaled(self._categories.score(vectors, texts, folded))
        for measure, scores in zip(_CATEGORIES, scaled, strict=True):
            columns.measures[rows, measure] = scores
        contacts = joined(known.details.found)
        return Messages(
            rows,
            columns.account[rows],
            columns.words.view(np.uint64)[rows, TARGET],
            accounts[rows],
            columns.ts[rows],
            languages,
            texts,
            sign(full),
            contacts._replace(row=np.searchsorted(rows, contacts.row)),
        )

    def _scaled(self, probabilities: NDArray[np.float32]) -> list[NDArray[np.int32]]:
        """Put probabilities in thousandths, stretched so that every category's threshold is at `messages.CATEGORY`."""
        least, half = self._thresholds, m.CATEGORY / 1000
        scaled = np.where(
            probabilities < least, probabilities / least * half, half + (probabilities - least) / (1 - least) * half
        )
        names = self._categories.names
        return [
            (1000 * scaled[:, [names.index(name) for name in of]].max(axis=1, initial=0.0)).astype(np.int32)
            for of in _CATEGORIES.values()
        ]

    @cached_property
    def _thresholds(self) -> NDArray[np.float32]:
        return np.array(list(self._categories.thresholds.values()), np.float32)


@cache
def shipped_reader() -> MessageReader:
    """Load the models shipped with Gillnet, once."""
    return MessageReader.load()
