"""The category model that ships: what it says of messages, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest

from detector.contract.errors import UsageError
from features.text.column import TextColumn
from features.text.fold import fold
from models.categories import NAMES, SHIPPED, Categories
from models.categories.classifier import MANIFEST, WEIGHTS
from models.encoder import SHIPPED as ENCODER
from models.encoder import StaticEncoder

SHARED = Path(__file__).parents[2].parent / "shared" / "models" / "static-256"


@pytest.fixture(scope="module")
def model() -> Categories:
    return Categories.load()


@pytest.fixture(scope="module")
def encoder(model: Categories) -> StaticEncoder:
    for folder in (ENCODER, SHARED):
        if (folder / "model.safetensors").exists():
            found = StaticEncoder.load(folder)
            if found.model_id == model.manifest.encoder_id:
                return found
    pytest.skip("the encoder the shipped categories were trained with is not here")


def flagged(model: Categories, encoder: StaticEncoder, text: str) -> set[str]:
    texts = TextColumn.of([text])
    folded = fold(texts)
    scores = model.score(encoder.encode(folded), texts, folded)[0]
    return {name for name, score in zip(model.names, scores, strict=True) if score >= model.thresholds[name]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("URGENT! You won a 1000 pound prize, call 09061234567 now to claim", "spam"),
        ("Join our crypto group and double your bitcoin investment, guaranteed daily profit", "scam_investment"),
        ("My love, I am stuck at the airport, please send me money by western union for the ticket", "scam_romance"),
        ("Your bank account was suspended, verify your identity here http://secure-login.top", "scam_verification"),
        ("Baby please buy me a steam gift card for 100 dollars and send the code", "scam_gift_card"),
        ("Work from home part time job, earn $300 a day, no experience needed, contact hr", "scam_job"),
        ("I'm never on here, add me on snapchat, what's your number?", "contact_harvesting"),
        ("wanna see my nudes? subscribe to my private page, i'm so horny", "sexual_solicitation"),
        ("you're an ugly worthless bitch, I will find you", "harassment"),
    ],
)
def test_a_plain_case_is_found(model: Categories, encoder: StaticEncoder, text: str, expected: str) -> None:
    assert expected in flagged(model, encoder, text)


@pytest.mark.parametrize(
    "text",
    [
        "how was your weekend? I went hiking with my sister",
        "I start my new job on monday, a bit nervous",
        "the tickets were $40 each, you can pay me back later",
        "it's my niece's birthday, any idea what I could buy her?",
        "Hi Anna, please find attached the minutes of the meeting. Regards, Tom",
        "that film was so stupid, we laughed all night",
        "lakers couldn't guard anyone last night https://t.co/Qx7Rb2mKpz",
        "je ne comprends pas pourquoi il fait ça https://t.co/Hk3vTz9wLq",
        "here is the talk I mentioned, the part on memory is good https://www.youtube.com/watch?v=8fKq2LwXz0s",
        "",
    ],
)
def test_a_topic_alone_is_no_guilt(model: Categories, encoder: StaticEncoder, text: str) -> None:
    assert flagged(model, encoder, text) == set()


def test_scores_are_probabilities_a_row_each(model: Categories) -> None:
    texts = TextColumn.of(["a", "", "win cash now!!!"])
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3, len(model.vector_weights))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = model.score(vectors, texts, texts)
    assert scores.shape == (3, len(NAMES))
    assert scores.dtype == np.float32
    assert ((scores > 0) & (scores < 1)).all()
    alone = model.score(vectors[2:], TextColumn.of(["win cash now!!!"]), TextColumn.of(["win cash now!!!"]))
    assert np.allclose(alone, scores[2:], atol=1e-6)


def test_no_messages_have_no_scores(model: Categories) -> None:
    none = TextColumn.of([])
    assert model.score(np.zeros((0, len(model.vector_weights)), np.float32), none, none).shape == (0, len(NAMES))


def test_vectors_of_another_shape_are_refused(model: Categories) -> None:
    with pytest.raises(ValueError, match="expected vectors of shape"):
        model.score(np.zeros((1, 3), np.float32), TextColumn.of(["a"]), TextColumn.of(["a"]))


def test_another_encoder_is_refused(model: Categories) -> None:
    assert Categories.load(encoder_id=model.manifest.encoder_id).names == NAMES
    with pytest.raises(UsageError, match="got somebody-elses; train it"):
        Categories.load(encoder_id="somebody-elses")


def test_saved_is_what_is_loaded(model: Categories, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = Categories.load(tmp_path)
    assert again.manifest == model.manifest
    assert np.array_equal(again.vector_weights, model.vector_weights)
    assert (tmp_path / WEIGHTS).read_bytes() == (SHIPPED / WEIGHTS).read_bytes()


@pytest.mark.parametrize(("name", "content"), [(WEIGHTS, b"no weights"), (MANIFEST, b"{}")])
def test_a_broken_folder_is_refused(model: Categories, tmp_path: Path, name: str, content: bytes) -> None:
    model.save(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match="expected a category model"):
        Categories.load(tmp_path)


def test_a_model_of_other_measures_is_refused(model: Categories, tmp_path: Path) -> None:
    model.save(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    manifest["measures"][0] = "moons"
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="other lexical measures"):
        Categories.load(tmp_path)
