"""The word pieces of the static model: those of MiniLM, without places kept free and signs between sentences."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

UNKNOWN: Final = "[UNK]"
TOKENS_MAX: Final = 512
"""Of a text; what comes behind is not read."""
_EXCHANGED_MIN: Final = 4


def pieces_of(tokenizer_file: Path) -> tuple[list[str], list[int]]:
    """Read the pieces that are kept, `UNKNOWN` first and the others from frequent to rare, and their old ids."""
    vocabulary: dict[str, int] = json.loads(tokenizer_file.read_text(encoding="utf-8"))["model"]["vocab"]
    by_id = sorted(vocabulary.items(), key=lambda item: item[1])
    special = [piece for piece, _ in by_id if len(piece) > 1 and piece.startswith("[") and piece.endswith("]")]
    kept = [UNKNOWN, *(piece for piece, _ in by_id if piece not in set(special))]
    return kept, [vocabulary[piece] for piece in kept]


def whole_words(pieces: Sequence[str]) -> list[str]:
    """Give the pieces that are words of some length, in their order."""
    return [piece for piece in pieces if len(piece) >= _EXCHANGED_MIN and piece.isalpha()]


def tokenizer_with(pieces: Sequence[str], tokenizer_file: Path) -> dict[str, Any]:
    """Describe a tokenizer that does what MiniLM's does, with these pieces and without signs of its own."""
    source = json.loads(tokenizer_file.read_text(encoding="utf-8"))
    limit = {"direction": "Right", "max_length": TOKENS_MAX, "strategy": "LongestFirst", "stride": 0}
    model = source["model"] | {"vocab": {piece: i for i, piece in enumerate(pieces)}, "unk_token": UNKNOWN}
    described: dict[str, Any] = source | {
        "truncation": limit,
        "padding": None,
        "added_tokens": [],
        "post_processor": None,
        "model": model,
    }
    return described
