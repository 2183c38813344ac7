"""Train the category model: ``python -m models.categories.train --data FOLDER --output FOLDER [--encoder FOLDER]``.

The folder of data holds ``sms_spam/messages.parquet`` and ``youtube_spam/comments.parquet`` (and ``ubuntu_irc``); the
packages ``chitchat-dataset`` and ``chatterbot-corpus`` are read if installed. Everything is seeded.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.errors import UsageError
from features.text.column import TextColumn
from features.text.fold import fold
from features.text.lexical import NAMES as MEASURES
from features.text.lexical import measure_lexical
from features.text.words import hash_words
from models.categories.classifier import CARD, NAMES, SHIPPED, Categories, Manifest, standardised
from models.categories.evaluation import Figures, figures_of
from models.categories.examples import generate
from models.categories.fitting import (
    FALSE_POSITIVE_RATE,
    PRIOR,
    Line,
    Table,
    calibrate,
    fit_line,
    label_matrix,
    scaling,
    threshold_at,
    unseen_source_scores,
    word_matrix,
)
from models.categories.grammar import Part, read_grammars
from models.categories.report import write_card
from models.categories.sources import EACH, read_examples
from models.encoder.loading import load_encoder

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from models.calibration import Platt
    from models.categories.examples import Example
    from models.encoder.encoder import Encoder

_HELD_OUT_EACH: Final = 3
"""One in so many generated messages more is made of alternatives kept from training."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """One category: its weights over everything, and what calibrates them."""

    line: Line
    curve: Platt
    threshold: float
    figures: Figures


def table_of(examples: Sequence[Example], encoder: Encoder) -> Table:
    """Embed and measure examples."""
    texts = TextColumn.of([example.text for example in examples])
    folded = fold(texts)
    sources = np.array([example.source for example in examples])
    words = word_matrix(hash_words(folded))
    altered = np.array([example.altered for example in examples], np.bool_)
    return Table(
        encoder.encode(folded), measure_lexical(texts, folded), words, label_matrix(examples), sources, altered
    )


@dataclass(frozen=True, slots=True)
class Material:
    """What there is to learn from and to judge by."""

    known: Table
    """Without the wordings that are held out."""
    held: Table
    """Generated from those."""
    every: Table
    """Of all wordings: what the model that ships learns from."""

    @classmethod
    def read(cls, encoder: Encoder, data: Path, seed: int, each: int = EACH) -> Material:
        """Read, generate, embed and measure everything."""
        known = table_of(read_examples(data, seed, Part.TRAINING, each), encoder)
        held = table_of(generate(read_grammars(), each // _HELD_OUT_EACH, Part.HELD_OUT, seed + 1), encoder)
        return cls(known, held, table_of(read_examples(data, seed, Part.ALL, each), encoder))

    def without(self, sources: Collection[str]) -> Material:
        """Leave sources out."""
        tables = (self.known, self.held, self.every)
        return Material(*(table.rows(~np.isin(table.sources, sorted(sources))) for table in tables))


def train(
    material: Material, encoder_id: str, seed: int, only: tuple[str, ...] = NAMES
) -> tuple[Categories, list[Figures]]:
    """Fit, calibrate and set thresholds of some categories; return the model and the figures of each."""
    scale = scaling(material.every)
    fitted = [_fit(material, scale, NAMES.index(name)) for name in only]
    return _assemble(fitted, scale, encoder_id, seed), [one.figures for one in fitted]


def _fit(material: Material, scale: tuple[NDArray[np.float32], NDArray[np.float32]], category: int) -> Fitted:
    name, every = NAMES[category], material.every
    judged, scores = _unseen_scores(material.known, material.held, category)
    certain = judged.labels[:, category] >= 0
    truth = judged.labels[:, category] == 1
    curve = calibrate(scores[certain], truth[certain], judged.sources[certain], PRIOR[name])
    probabilities = curve.probabilities(scores)
    benign = judged.benign
    threshold = threshold_at(probabilities[benign], judged.sources[benign], FALSE_POSITIVE_RATE[name])
    figures = figures_of(judged, probabilities, category, threshold, PRIOR[name])
    line = fit_line(every, standardised(every.measures, *scale), category, np.ones(len(every.sources), np.bool_))
    return Fitted(line, curve, threshold, figures)


def _unseen_scores(known: Table, held: Table, category: int) -> tuple[Table, NDArray[np.float64]]:
    """Score real messages by models that have not seen their source, generated ones where the wording is unseen."""
    scale = scaling(known)
    standard = standardised(known.measures, *scale)
    line = fit_line(known, standard, category, np.ones(len(known.sources), np.bool_))
    wording = line.log_odds(held, standardised(held.measures, *scale))
    real, scores = unseen_source_scores(known, standard, category)
    return real.joined(held), np.concatenate([scores, wording])


def _assemble(
    fitted: Sequence[Fitted], scale: tuple[NDArray[np.float32], NDArray[np.float32]], encoder_id: str, seed: int
) -> Categories:
    slopes = np.array([one.curve.slope for one in fitted])
    manifest = Manifest(
        names=tuple(one.figures.name for one in fitted),
        thresholds=tuple(one.threshold for one in fitted),
        false_positive_rates=tuple(FALSE_POSITIVE_RATE[one.figures.name] for one in fitted),
        measures=MEASURES,
        encoder_id=encoder_id,
        seed=seed,
    )
    return Categories(
        manifest,
        (np.stack([one.line.vector for one in fitted], axis=1) * slopes).astype(np.float32),
        (np.stack([one.line.measures for one in fitted], axis=1) * slopes).astype(np.float32),
        (np.stack([one.line.words for one in fitted], axis=1) * slopes).astype(np.float16).astype(np.float32),
        *scale,
        np.array([one.curve.slope * one.line.bias + one.curve.intercept for one in fitted], np.float32),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the model, its card beside it."""
    parser = argparse.ArgumentParser(prog="python -m models.categories.train", description="Train the category model.")
    parser.add_argument("--data", type=Path, required=True, help="folder with sms_spam, youtube_spam and ubuntu_irc")
    parser.add_argument("--encoder", default="", help="folder or name of the encoder; the shipped one if left out")
    parser.add_argument("--output", type=Path, default=SHIPPED)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        encoder = load_encoder(options.encoder)
        material = Material.read(encoder, options.data, options.seed)
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    model, figures = train(material, encoder.model_id, options.seed)
    model.save(options.output)
    card = write_card(model, figures, material.every)
    (options.output / CARD).write_text(card, encoding="utf-8", newline="\n")
    sys.stdout.write(card)
    return 0


if __name__ == "__main__":
    sys.exit(main())
