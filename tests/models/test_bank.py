"""The bank of known templates: what it finds, and what survives writing and another encoder."""

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from detector.contract.errors import UsageError
from features.text.column import TextColumn
from features.text.fold import normalise
from features.text.signatures import sign
from models.bank import TemplateBank
from models.encoder import StaticEncoder
from models.nearest import Nearest

SPAM = "hey handsome, i am new here and feel lonely, write me on telegram @sweet_olga please"
COPY = "H3y h@ndsome!! i am new here and feel lonely... write me on telegram @anna_77 please 😍"
REWORDED = "hello dear, i just joined this place and am so alone, message me on telegram please"
JOB = "earn 300 dollars a day from home, no experience needed, ask me how to begin"
CHAT = "the train to the airport was late again so we took a taxi instead"


@pytest.fixture(scope="module")
def encoder():
    return StaticEncoder.load()


@pytest.fixture
def bank(encoder):
    held = TemplateBank(encoder)
    held.add([SPAM], "camp_0000000000000001")
    held.add([JOB], "camp_0000000000000002")
    return held


class Halved:
    """Another encoder: the first half of the shipped one's vectors, as if that were all."""

    model_id = "halved"
    dimensions = 128

    def __init__(self, encoder):
        self._encoder = encoder

    def encode(self, folded):
        vectors = self._encoder.encode(folded)[:, :128]
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)[:, None]


def match(bank, encoder, *texts):
    folded, full = normalise(TextColumn.of(list(texts)))
    return bank.match(sign(full), encoder.encode(folded))


def test_a_template_is_found_as_it_is_edited_and_reworded(bank, encoder):
    similarity, which = match(bank, encoder, SPAM, COPY, REWORDED, JOB, CHAT)
    assert which[:4].tolist() == [0, 0, 0, 1]
    assert similarity[0] == similarity[3] == pytest.approx(1)
    assert similarity[1] > 0.7
    assert similarity[2] > 0.6
    assert similarity[4] < 0.4


def test_a_bank_without_templates_knows_nothing(encoder):
    similarity, which = match(TemplateBank(encoder), encoder, SPAM, "")
    assert similarity.tolist() == [0, 0]
    assert which.tolist() == [-1, -1]


def test_the_same_text_is_known_once_whatever_its_disguise(bank):
    assert bank.add([SPAM, COPY.replace("!!", ""), JOB.upper(), "", "🙂"], "camp_0000000000000003") == 0
    assert bank.add([CHAT, CHAT], "camp_0000000000000003") == 1
    assert [template.campaign_id[-1] for template in bank.templates] == ["1", "2", "3"]


def test_a_campaign_is_taken_out(bank, encoder):
    assert bank.remove("camp_0000000000000001") == 1
    assert match(bank, encoder, JOB)[1].tolist() == [0]
    assert bank.labels() == {"camp_0000000000000002": "bot"}


def test_what_was_saved_matches_as_before(bank, encoder, tmp_path):
    bank.save(tmp_path / "bank.safetensors")
    read = TemplateBank.load(tmp_path / "bank.safetensors", encoder)
    assert read.templates == bank.templates
    for mine, theirs in zip(
        match(bank, encoder, COPY, REWORDED, CHAT), match(read, encoder, COPY, REWORDED, CHAT), strict=True
    ):
        assert mine.tolist() == theirs.tolist()


def test_a_file_from_when_signatures_were_kept_is_read(bank, encoder, tmp_path):
    bank.save(path := tmp_path / "bank.safetensors")
    with safe_open(path, "numpy") as file:
        tensors = {"vectors": file.get_tensor("vectors"), "signatures": np.zeros((2, 64), np.uint32)}
        path.write_bytes(save(tensors, metadata=file.metadata()))
    read = TemplateBank.load(path, encoder)
    assert match(read, encoder, COPY)[0].tolist() == match(bank, encoder, COPY)[0].tolist()


def test_another_encoder_makes_its_own_vectors(bank, encoder, tmp_path):
    bank.save(tmp_path / "bank.safetensors")
    other = Halved(encoder)
    read = TemplateBank.load(tmp_path / "bank.safetensors", other)
    similarity, which = match(read, other, REWORDED)
    assert which.tolist() == [0]
    vectors = other.encode(normalise(TextColumn.of([SPAM, REWORDED])).folded)
    assert similarity[0] == pytest.approx(vectors[0] @ vectors[1], abs=0.01)


def test_a_running_bank_sees_what_was_written_and_that_it_is_gone(bank, encoder, tmp_path):
    path = tmp_path / "bank.safetensors"
    running = TemplateBank.load(path, encoder)
    assert len(running) == 0
    bank.save(path)
    assert running.reload_if_changed()
    assert len(running) == 2
    assert not running.reload_if_changed()
    path.unlink()
    assert running.reload_if_changed()
    assert len(running) == 0


def test_banks_of_two_deployments_are_put_together(bank, encoder):
    other = TemplateBank(encoder)
    other.add([SPAM, CHAT], "camp_00000000000000ff")
    assert bank.merge(other) == 1
    assert match(bank, encoder, CHAT)[1].tolist() == [2]


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0{}      ", b"not a bank"])
def test_what_is_no_bank_is_refused(content, encoder, tmp_path):
    (tmp_path / "bank.safetensors").write_bytes(content)
    with pytest.raises(UsageError, match=r"bank.safetensors: expected a bank of templates"):
        TemplateBank.load(tmp_path / "bank.safetensors", encoder)


@pytest.mark.parametrize("fading", [40, 1_000], ids=["first dimensions tell most", "all tell the same"])
@pytest.mark.parametrize("dimensions", [64, 256, 384])
def test_the_nearest_is_the_nearest(fading, dimensions):
    rng = np.random.default_rng(1)
    weights = np.exp(-np.arange(dimensions) / fading)
    known, noise = (rng.normal(size=(3_000, dimensions)) * weights for _ in range(2))
    queries = (known + 0.5 * noise)[:500]
    known, queries = ((v / np.linalg.norm(v, axis=1)[:, None]).astype(np.float32) for v in (known, queries))
    cosines, which = Nearest(known).find(queries)
    every = queries @ known.T
    assert (which == every.argmax(axis=1)).mean() > 0.99
    assert cosines == pytest.approx(every[np.arange(500), which], abs=1e-5)


def test_what_is_nearest_does_not_depend_on_what_else_is_asked():
    known, queries = np.random.default_rng(2).normal(size=(2, 2_500, 256)).astype(np.float32) / 16
    nearest = Nearest(known)
    cosines, which = nearest.find(queries[:100])
    one_by_one = [nearest.find(queries[row : row + 1]) for row in range(100)]
    assert [found[1][0] for found in one_by_one] == which.tolist()
    assert [found[0][0] for found in one_by_one] == cosines.tolist()


@pytest.mark.parametrize("count", [1, 255, 256, 257, 700])
def test_a_known_vector_is_its_own_nearest_however_many_there_are(count):
    rng = np.random.default_rng(count)
    known = rng.normal(size=(count, 128)).astype(np.float32)
    known /= np.linalg.norm(known, axis=1)[:, None]
    cosines, which = Nearest(known).find(known)
    assert which.tolist() == list(range(count))
    assert cosines == pytest.approx(np.ones(count))
