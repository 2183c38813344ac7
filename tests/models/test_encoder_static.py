"""The thin encoder gives what the tokenizer and the table give, whatever the text."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from detector.contract.errors import UsageError
from features.text.column import TextColumn
from models.encoder import StaticEncoder, load_encoder
from models.encoder.folder import MODULES, TOKENIZER, WEIGHTS, write

WORDS = ["hello", "how", "are", "you", "play", "ing", "the", "un", "able", "whats", "app", "call", "me", "415", "2"]
STRANGE = ["cafe", "strasse", "i", "\u00df", "\u4e2d", "\u1112", "\u1161", "\u11ab"]
SIGNS = ["!", "?", ".", ",", "-", "'", '"', "#", "$", "[", "]", "…", "¿", "。"]
PIECES = [
    "[UNK]",
    *WORDS,
    *STRANGE,
    *SIGNS,
    *"abcdefgh",
    *(f"##{p}" for p in [*"abcdefghilmno", "ing", "able", "s", "\u1161", "\u11ab"]),
]
TOKENIZER_OF_BERT = {
    "version": "1.0",
    "truncation": {"direction": "Right", "max_length": 64, "strategy": "LongestFirst", "stride": 0},
    "padding": None,
    "added_tokens": [],
    "normalizer": {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    },
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": None,
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    "model": {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {piece: i for i, piece in enumerate(PIECES)},
    },
}

texts = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.text("abchello \t\u00e9\u0130\u00df\u0301\u200b\ufe0f\u4e2d\ud55c!?'.\U0001f600", max_size=60),
        st.lists(st.sampled_from([*PIECES, " ", "hellohow", "playing", "unable"]), max_size=12).map("".join),
        st.lists(st.sampled_from(WORDS), max_size=90).map(" ".join),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("static")
    write(place, np.random.default_rng(0).normal(size=(len(PIECES), 48)).astype(np.float32), TOKENIZER_OF_BERT, {})
    return place


@pytest.fixture(scope="module")
def encoder(folder: Path) -> StaticEncoder:
    return StaticEncoder.load(folder)


def encode(encoder: StaticEncoder, texts: list[str]) -> NDArray[np.float32]:
    return encoder.encode(TextColumn.of(texts))


def expected(folder: Path, texts: list[str]) -> NDArray[np.float32]:
    """Take the tokenizer at its word and add up rows of the table."""
    tensors = load_file(folder / WEIGHTS)
    table = tensors["embeddings"].astype(np.float32) * tensors["weights"][:, None]
    found = Tokenizer.from_file(str(folder / TOKENIZER)).encode_batch(texts, add_special_tokens=False)
    sums = np.array([table[text.ids].sum(axis=0) for text in found]).reshape(len(texts), table.shape[1])
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)


@given(texts)
@example([])
@example(["", " ", "\u200b", "hello"])
@example(["a" * 100, "a" * 101, "\u00e9" * 100, "\u00e9" * 101, "hello" * 2000])
@example(["hello " * 63 + "unable playing the", "! " * 100 + "how"])
@example(
    [
        "\ud55c\uad6d\uc5b4",
        "\u1112\u1161\u11ab",
        "\u4e2d\u6587hello\u4e2d",
        "\ufa0e\U0002f800",
        "\u0344\u0390\U0001d160a",
    ]
)
@example(["\x00\x0b\x0c\x1c\x7f\x85\u00a0\u2028\u3000\ufffdhello\ufeff", "[UNK] [PAD] ##ing", "##"])
@settings(max_examples=100)
def test_it_equals_tokenizer_and_table(folder: Path, encoder: StaticEncoder, some: list[str]) -> None:
    ours = encode(encoder, some)
    assert ours.shape == (len(some), 48)
    np.testing.assert_allclose(ours, expected(folder, some), atol=1e-5)


def test_every_character_is_read_as_the_tokenizer_reads_it(folder: Path, encoder: StaticEncoder) -> None:
    ranges = (
        range(1, 0x3400, 3),
        range(0x3400, 0xD800, 397),
        range(0xE000, 0x20000, 61),
        range(0x20000, 0x110000, 9973),
    )
    points = [point for some in ranges for point in some]
    some = [f"hello{chr(point)}ing" for point in points]
    np.testing.assert_allclose(encode(encoder, some), expected(folder, some), atol=1e-5)


def test_it_equals_sentence_transformers(folder: Path, encoder: StaticEncoder) -> None:
    library = pytest.importorskip("sentence_transformers")
    some = [
        "hello how are you?",
        "",
        "unable, PLAYING caf\u00e9 \u4e2d\u6587",
        "\u200b",
        "xyz",
        "whatsapp me: 415-2 " * 40,
    ]
    theirs = library.SentenceTransformer(str(folder), device="cpu").encode(some)
    np.testing.assert_allclose(encode(encoder, some), theirs, atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_tables_of_floats_are_read_too(folder: Path, tmp_path: Path, dtype: type[np.floating]) -> None:
    table = load_file(folder / WEIGHTS)["embeddings"].astype(dtype) / dtype(64)
    save_file({"embedding.weight": table}, tmp_path / WEIGHTS)
    (tmp_path / TOKENIZER).write_bytes((folder / TOKENIZER).read_bytes())
    save_file({"embeddings": table, "weights": np.ones(len(table), np.float32)}, tmp_path / "same.safetensors")
    sums = table[[1, 2]].astype(np.float32).sum(axis=0)
    found = encode(StaticEncoder.load(tmp_path), ["hello how"])[0]
    np.testing.assert_allclose(found, sums / np.linalg.norm(sums), atol=1e-6)


@given(texts)
@settings(max_examples=30)
def test_a_text_has_one_vector_whatever_stands_beside_it(encoder: StaticEncoder, some: list[str]) -> None:
    alone = [encode(encoder, [text])[0] for text in some]
    assert np.array_equal(encode(encoder, some), np.array(alone, np.float32).reshape(len(some), 48))


def test_vectors_have_length_one_or_are_zero(encoder: StaticEncoder) -> None:
    lengths = np.linalg.norm(encode(encoder, ["hello", "how are you " * 30, "", "\U0001f600\u200b"]), axis=1)
    np.testing.assert_allclose(lengths[:2], 1, atol=1e-6)
    assert lengths[2] == 0


def test_rows_are_kept_within_half_a_step_of_their_scale(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).normal(size=(len(PIECES), 16)).astype(np.float32)
    rows[0] = 0
    write(tmp_path, rows, TOKENIZER_OF_BERT, {})
    kept = load_file(tmp_path / WEIGHTS)
    assert np.all(np.abs(kept["embeddings"] * kept["weights"][:, None] - rows) <= kept["weights"][:, None] * 0.5001)
    assert not kept["embeddings"][0].any()


def test_a_model_is_named_by_its_content(folder: Path, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(len(PIECES), 48)).astype(np.float32)
    write(tmp_path, rows, TOKENIZER_OF_BERT, {"what": "another card"})
    assert StaticEncoder.load(tmp_path).model_id == StaticEncoder.load(folder).model_id
    write(tmp_path, rows + 1, TOKENIZER_OF_BERT, {})
    assert StaticEncoder.load(tmp_path).model_id != StaticEncoder.load(folder).model_id


def test_a_folder_that_says_it_is_static_runs_without_the_library(folder: Path) -> None:
    assert isinstance(load_encoder(str(folder), device="cuda"), StaticEncoder)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected a static model with model\.safetensors"):
        StaticEncoder.load(tmp_path)


def test_another_tokenizer_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes())
    other = TOKENIZER_OF_BERT | {"model": {"type": "BPE", "vocab": {}, "merges": []}}
    (tmp_path / TOKENIZER).write_text(json.dumps(other))
    with pytest.raises(UsageError, match="expected a BERT tokenizer over word pieces"):
        StaticEncoder.load(tmp_path)


def test_a_table_that_does_not_fit_the_pieces_is_refused(folder: Path, tmp_path: Path) -> None:
    save_file({"embeddings": np.ones((3, 4), np.float32)}, tmp_path / WEIGHTS)
    (tmp_path / TOKENIZER).write_bytes((folder / TOKENIZER).read_bytes())
    with pytest.raises(UsageError, match=r"a row of model\.safetensors for each piece"):
        StaticEncoder.load(tmp_path)


def test_weights_that_are_no_table_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / TOKENIZER).write_bytes((folder / TOKENIZER).read_bytes())
    (tmp_path / WEIGHTS).write_bytes(b"not safetensors")
    with pytest.raises(UsageError, match="expected one table"):
        StaticEncoder.load(tmp_path)
    assert not (tmp_path / MODULES).exists()
