"""The folder of a static model, as sentence-transformers reads and writes it; nothing in it runs.

``model.safetensors``  ``embeddings`` (pieces, dimensions), int8 or a float; ``weights`` (pieces,), what rows are times
``tokenizer.json``     a BERT tokenizer: its pieces and what it does to characters
``modules.json``       says that rows are added up and the sum made unit length
``card.json``          what it was trained on and how well it does, for people; only ours has one
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save
from tokenizers.normalizers import BertNormalizer

from detector.contract.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

WEIGHTS: Final = "model.safetensors"
TOKENIZER: Final = "tokenizer.json"
MODULES: Final = "modules.json"
CARD: Final = "card.json"
_MODULES: Final = [
    {"idx": 0, "name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding"},
    {"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.models.Normalize"},
]
_TENSORS: Final = {"embeddings", "embedding.weight", "weights"}
_NO_LIMIT: Final = 2**31
_INT8_MAX: Final = 127
_ID_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class StaticModel:
    """A static model as its folder describes it."""

    model_id: str
    table: NDArray[np.int8] | NDArray[np.float32]
    """(pieces, dimensions)."""
    scales: NDArray[np.float32]
    """(pieces,): what each row is multiplied by."""
    pieces: list[str]
    prefix: str
    """Marks the pieces that go on with a word."""
    unknown: int
    word_characters_max: int
    tokens_max: int
    normalizer: BertNormalizer


class _Module(msgspec.Struct):
    type: str


class _Cut(msgspec.Struct):
    max_length: int
    direction: Literal["Right"] = "Right"


class _Normalizer(msgspec.Struct):
    type: Literal["BertNormalizer"]
    clean_text: bool = True
    handle_chinese_chars: bool = True
    strip_accents: bool | None = None
    lowercase: bool = True


class _PreTokenizer(msgspec.Struct):
    type: Literal["BertPreTokenizer"]


class _WordPiece(msgspec.Struct):
    type: Literal["WordPiece"]
    vocab: dict[str, int]
    unk_token: str
    continuing_subword_prefix: str = "##"
    max_input_chars_per_word: int = 100


class _Tokenizer(msgspec.Struct):
    normalizer: _Normalizer
    pre_tokenizer: _PreTokenizer
    model: _WordPiece
    truncation: _Cut | None = None


def is_static(folder: Path) -> bool:
    """Tell whether a folder says that it holds a static model over a BERT tokenizer."""
    try:
        modules = msgspec.json.decode((folder / MODULES).read_bytes(), type=list[_Module])
        msgspec.json.decode((folder / TOKENIZER).read_bytes(), type=_Tokenizer)
    except (OSError, msgspec.MsgspecError):
        return False
    return bool(modules) and modules[0].type.endswith(".StaticEmbedding")


def read(folder: Path) -> StaticModel:
    """Read a static model; it is named by the content of its weights and its tokenizer.

    Raises UsageError if the folder holds none, or one whose tokenizer does not split words as BERT does.
    """
    weights, tokenizer = _bytes(folder, WEIGHTS), _bytes(folder, TOKENIZER)
    try:
        described = msgspec.json.decode(tokenizer, type=_Tokenizer)
    except msgspec.MsgspecError as error:
        _refuse(folder / TOKENIZER, "a BERT tokenizer over word pieces", str(error))
    table, scales = _table(folder / WEIGHTS, weights)
    model, normalizer, cut = described.model, described.normalizer, described.truncation
    pieces = sorted(model.vocab, key=model.vocab.__getitem__)
    if sorted(model.vocab.values()) != list(range(len(table))) or model.unk_token not in model.vocab:
        _refuse(folder, f"a row of {WEIGHTS} for each piece of {TOKENIZER}", f"{len(table)} rows, {len(pieces)} pieces")
    return StaticModel(
        hashlib.sha256(hashlib.sha256(weights).digest() + tokenizer).hexdigest()[:_ID_LENGTH],
        table,
        scales,
        pieces,
        prefix=model.continuing_subword_prefix,
        unknown=model.vocab[model.unk_token],
        word_characters_max=model.max_input_chars_per_word,
        tokens_max=_NO_LIMIT if cut is None else cut.max_length,
        normalizer=BertNormalizer(
            normalizer.clean_text, normalizer.handle_chinese_chars, normalizer.strip_accents, normalizer.lowercase
        ),
    )


def write(folder: Path, rows: NDArray[np.float32], tokenizer: Mapping[str, Any], card: Mapping[str, Any]) -> None:
    """Write a static model with a row for each piece, each row as int8 and a scale of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    scales = np.abs(rows).max(axis=1).astype(np.float32) / np.float32(_INT8_MAX)
    table = np.rint(rows / np.maximum(scales, np.finfo(np.float32).tiny)[:, None]).astype(np.int8)
    (folder / WEIGHTS).write_bytes(save({"embeddings": table, "weights": scales}))
    (folder / TOKENIZER).write_text(
        json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")), encoding="utf-8", newline="\n"
    )
    for name, content in ((MODULES, _MODULES), (CARD, card)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")


def _table(place: Path, content: bytes) -> tuple[NDArray[np.int8] | NDArray[np.float32], NDArray[np.float32]]:
    expected = "one table, embeddings or embedding.weight, of int8 or a float, and weights of its rows at most"
    try:
        tensors = load(content)
    except (SafetensorError, TypeError) as error:
        _refuse(place, expected, str(error))
    table = tensors.get("embeddings", tensors.get("embedding.weight"))
    if table is None or table.ndim != 2 or not set(tensors) <= _TENSORS:
        _refuse(place, expected, ", ".join(f"{name} {tensor.shape}" for name, tensor in tensors.items()))
    scales = tensors.get("weights", np.ones(len(table))).astype(np.float32)
    return (table if table.dtype == np.int8 else table.astype(np.float32)), scales


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        _refuse(folder, f"a static model with {WEIGHTS} and {TOKENIZER}", f"{name}: {error.strerror}")


def _refuse(place: Path, expected: str, got: str) -> NoReturn:
    msg = f"{place}: expected {expected}; got {got}. Other models run with their own library: load_encoder does so"
    raise UsageError(msg)
