"""The category model as it runs: a linear map from a message's vector, measures and words to probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from detector.contract.errors import UsageError
from features.text.lexical import NAMES as MEASURES
from features.text.lexical import measure_lexical
from features.text.words import PLACES, add_words, hash_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.text.column import TextColumn

NAMES: Final = (
    *("spam", "scam_investment", "scam_romance", "scam_verification", "scam_gift_card", "scam_job"),
    *("contact_harvesting", "sexual_solicitation", "harassment"),
)
"""What a message may be, several at once; benign is none of them."""
SHIPPED: Final = Path(__file__).parent / "shipped"
WEIGHTS: Final = "weights.safetensors"
MANIFEST: Final = "categories.json"
CARD: Final = "CARD.md"
_CLIP: Final = 3.0
"""Standard deviations: no single measure of an odd message decides alone."""
_LOG_ODDS_MAX: Final = 15.0  # a float32 tells nothing closer to 1 apart


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside the weights."""

    names: tuple[str, ...]
    thresholds: tuple[float, ...]
    false_positive_rates: tuple[float, ...]
    """The share of benign messages, each source counting alike, that reached each threshold at most when it was set."""
    measures: tuple[str, ...]
    encoder_id: str
    seed: int


@dataclass(frozen=True, slots=True)
class Categories:
    """Says how probably each message is of each category."""

    manifest: Manifest
    vector_weights: NDArray[np.float32]
    """(dimensions, K)."""
    measure_weights: NDArray[np.float32]
    """(measures, K), of measures in standard deviations from their mean."""
    word_weights: NDArray[np.float32]
    """(PLACES, K) of hashed words; kept in 16 bits on disk."""
    means: NDArray[np.float32]
    scales: NDArray[np.float32]
    bias: NDArray[np.float32]

    @classmethod
    def load(cls, folder: Path | None = None, *, encoder_id: str | None = None) -> Categories:
        """Read the shipped model or another one; with an encoder's id, check that it was trained with that encoder.

        Raises UsageError if the folder holds no such model, or if it needs another encoder.
        """
        folder = SHIPPED if folder is None else folder
        try:
            manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
            tensors = load((folder / WEIGHTS).read_bytes())
            model = cls(manifest, *(tensors[name].astype(np.float32) for name in _TENSORS))
        except (OSError, msgspec.MsgspecError, SafetensorError, KeyError) as error:
            msg = f"{folder}: expected a category model, {MANIFEST} and {WEIGHTS}; got {error}"
            raise UsageError(msg) from error
        model.check(folder)
        if encoder_id is not None:
            model.require_encoder(encoder_id)
        return model

    @property
    def names(self) -> tuple[str, ...]:
        """Name the columns of the scores."""
        return self.manifest.names

    @property
    def thresholds(self) -> dict[str, float]:
        """Give the probability from which a message counts as of a category."""
        return dict(zip(self.names, self.manifest.thresholds, strict=True))

    def check(self, folder: Path) -> None:
        """Check that weights, names and measures fit each other; UsageError names the folder that does not."""
        known, count = self.manifest.measures, len(self.manifest.names)
        if known != MEASURES:
            missing = sorted(set(known) ^ set(MEASURES))
            msg = f"{folder}: the model was trained on other lexical measures ({missing} differ); train it anew"
            raise UsageError(msg)
        shapes = {"measure_weights": (len(known), count), "bias": (count,), "word_weights": (PLACES, count)}
        wrong = {
            name: getattr(self, name).shape for name, shape in shapes.items() if getattr(self, name).shape != shape
        }
        if wrong or self.vector_weights.ndim != 2 or self.vector_weights.shape[1] != count:
            msg = f"{folder}: expected weights of shapes {shapes}, got {wrong or self.vector_weights.shape}"
            raise UsageError(msg)

    def require_encoder(self, encoder_id: str) -> None:
        """Check that vectors come from the encoder the model was trained with; UsageError if not."""
        if encoder_id != self.manifest.encoder_id:
            msg = (
                f"the category model reads vectors of encoder {self.manifest.encoder_id}, got {encoder_id}; "
                "train it for yours: python -m models.categories.train --encoder FOLDER --output FOLDER"
            )
            raise UsageError(msg)

    def score(self, embeddings: NDArray[np.float32], texts: TextColumn, folded: TextColumn) -> NDArray[np.float32]:
        """Return calibrated probabilities, shape (n, K), of messages given by vectors, raw and folded texts.

        ValueError if the three do not have the same n, or vectors another length.
        """
        if embeddings.shape != (len(texts), len(self.vector_weights)):
            expected = (len(texts), len(self.vector_weights))
            msg = f"expected vectors of shape {expected}, got {embeddings.shape}"
            raise ValueError(msg)
        measures = standardised(measure_lexical(texts, folded), self.means, self.scales)
        log_odds = embeddings @ self.vector_weights + measures @ self.measure_weights + self.bias
        add_words(hash_words(folded), self.word_weights, log_odds)
        np.clip(log_odds, -_LOG_ODDS_MAX, _LOG_ODDS_MAX, out=log_odds)
        return np.asarray(1 / (1 + np.exp(-log_odds)), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write weights and manifest."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: np.ascontiguousarray(getattr(self, name)) for name in _TENSORS}
        tensors["word_weights"] = tensors["word_weights"].astype(np.float16)
        (folder / WEIGHTS).write_bytes(save(tensors))
        (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(self.manifest), indent=2) + b"\n")


_TENSORS: Final = ("vector_weights", "measure_weights", "word_weights", "means", "scales", "bias")


def standardised(
    measures: NDArray[np.float32], means: NDArray[np.float32], scales: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Put measures (n, M) in standard deviations from their mean, cut at three."""
    centred = (measures - means) / scales
    return np.clip(centred, -_CLIP, _CLIP, out=centred)
