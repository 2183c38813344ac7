"""The static model that ships is whole, small and as good as its card says."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from features.text.column import TextColumn
from features.text.fold import fold
from models.encoder import SHIPPED, StaticEncoder
from models.encoder.evaluation import shortened

TEXTS = [
    "hey, how are you doing today?",
    "Hi! How is your day going?",
    "add me on whatsapp: +1 415 555 0100, i have a surprise for you",
    "\u043f\u0440\u0438\u0432\u0435\u0442 \u0434\u0440\u0443\u0433",
    "caf\u00e9 \u4e2d\u6587 \U0001f600 unbelievably 12.50",
    "guaranteed profit, invest your bitcoin with our expert trader",
    "our trader doubles your crypto, profit is certain",
    "my dog ate the whole birthday cake",
]


@pytest.fixture(scope="module")
def encoder() -> StaticEncoder:
    return StaticEncoder.load()


def test_it_is_small_and_holds_nothing_that_runs() -> None:
    files = {path.name: path.stat().st_size for path in SHIPPED.iterdir()}
    assert set(files) == {"model.safetensors", "tokenizer.json", "modules.json", "card.json"}
    assert sum(files.values()) < 9_000_000


def test_it_equals_its_tokenizer_and_table(encoder: StaticEncoder) -> None:
    tensors = load_file(SHIPPED / "model.safetensors")
    table = tensors["embeddings"].astype(np.float32) * tensors["weights"][:, None]
    found = Tokenizer.from_file(str(SHIPPED / "tokenizer.json")).encode_batch(TEXTS, add_special_tokens=False)
    sums = np.array([table[text.ids].sum(axis=0) for text in found])
    np.testing.assert_allclose(encoder.encode(TextColumn.of(TEXTS)), shortened(sums, encoder.dimensions), atol=1e-5)


def test_it_equals_sentence_transformers(encoder: StaticEncoder) -> None:
    library = pytest.importorskip("sentence_transformers")
    theirs = library.SentenceTransformer(str(SHIPPED), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(encoder.encode(TextColumn.of(TEXTS)), theirs, atol=1e-3)


@pytest.mark.parametrize("dimensions", [64, 256])
def test_what_means_the_same_is_near_and_the_rest_is_far(encoder: StaticEncoder, dimensions: int) -> None:
    vectors = shortened(encoder.encode(fold(TextColumn.of(TEXTS))), dimensions)
    cosines = vectors @ vectors.T
    assert cosines[0, 1] > 0.6 > cosines[0, 7]
    assert cosines[5, 6] > 0.5 > cosines[5, 7]


def test_what_is_no_piece_adds_nothing(encoder: StaticEncoder) -> None:
    unknown = "\U0001f9ff\u0f3a"
    ours = encoder.encode(TextColumn.of([f"hello {unknown}", "hello", unknown]))
    np.testing.assert_allclose(ours[0], ours[1], atol=1e-6)
    assert not ours[2].any()


def test_its_card_says_what_it_was_made_of_and_how_good_it_is() -> None:
    card = json.loads((SHIPPED / "card.json").read_text())
    assert card["teacher"]["licence"] == "Apache-2.0"
    assert card["figures"]["pairs, 256 dimensions"]["spearman"] > 0.8
    assert card["figures"]["edited copies found first"]["two words swapped"] > 0.95
