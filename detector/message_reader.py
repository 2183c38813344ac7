"""What texts say, one by one: their language, what they are about, and what they look like to those who group them."""

from __future__ import annotations

import logging
from functools import cache, cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from detector.campaign_files import templates_file
from detector.contract.campaigns import campaign_id
from detector.contract.errors import UsageError
from features import messages as m
from features.columns import TARGET
from features.messages import Messages
from features.text.contacts import joined
from features.text.language import guess_languages
from features.text.signatures import sign
from models.bank import TemplateBank
from models.categories import Categories
from models.encoder import StaticEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from detector.settings import Settings
    from features.columns import EventColumns
    from features.text.signatures import Signatures

_CATEGORIES: Final = {
    m.SPAM: ("spam",),
    m.SCAM: ("scam_investment", "scam_romance", "scam_verification", "scam_gift_card", "scam_job"),
    m.HARVESTING: ("contact_harvesting",),
    m.SOLICITATION: ("sexual_solicitation",),
    m.HARASSMENT: ("harassment",),
}
"""Measures, and the categories each is the highest of."""
_log = logging.getLogger(__name__)


class MessageReader:
    """Reads texts with an encoder and a category model, and knows the templates of a bank, which may change."""

    def __init__(self, encoder: StaticEncoder, categories: Categories, bank: TemplateBank) -> None:
        self._encoder, self._categories, self._bank = encoder, categories, bank

    @classmethod
    def load(cls, settings: Settings) -> MessageReader:
        """Load what the settings name; UsageError if a model or the bank is broken, or they do not fit each other."""
        encoder, categories = _models(settings.encoder_dir, settings.categories_dir)
        return cls(encoder, categories, TemplateBank.load(templates_file(settings), encoder))

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
        signatures = sign(full)
        columns.measures[rows, m.TEMPLATE] = self._likeness(signatures, vectors)
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
            signatures,
            contacts._replace(row=np.searchsorted(rows, contacts.row)),
        )

    def _likeness(self, signatures: Signatures, vectors: NDArray[np.float32]) -> NDArray[np.int32]:
        """Say how like known templates texts are, in thousandths."""
        try:
            self._bank.reload_if_changed()
        except UsageError as error:
            _log.warning("%s; the templates read before stay in use", error)
        similarity, _ = self._bank.match(signatures, vectors)
        return np.maximum(1000 * similarity, 0).astype(np.int32)

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


def shipped_reader(*templates: str) -> MessageReader:
    """Make a reader with the models shipped with Gillnet that knows these templates, if any."""
    encoder, categories = _models(None, None)
    bank = TemplateBank(encoder)
    bank.add(templates, campaign_id(1))
    return MessageReader(encoder, categories, bank)


@cache
def _models(encoder_dir: Path | None, categories_dir: Path | None) -> tuple[StaticEncoder, Categories]:
    """Load models once: what warms the kernels and what reads messages are the same ones."""
    encoder = StaticEncoder.load(encoder_dir)
    return encoder, Categories.load(categories_dir, encoder_id=encoder.model_id)
