"""Any sentence-transformers model in the place of the static one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from detector.contract.errors import UsageError
from models.encoder.extras import needed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.text.column import TextColumn

_ID_LENGTH: Final = 16


class SentenceTransformerEncoder:
    """A model of sentence-transformers, on a processor or a graphics card."""

    def __init__(self, model: str, device: str = "cpu", batch_size: int = 256) -> None:
        """Load a folder, or a name that the library knows or fetches.

        Raises UsageError if the extra is not installed, or the library cannot load the model.
        """
        library = needed("sentence_transformers")
        try:
            self._model: Any = library.SentenceTransformer(model, device=device)
        except (OSError, ValueError) as error:
            msg = f"expected a folder or a name that sentence-transformers can load, got {model!r}: {error}"
            raise UsageError(msg) from error
        self._batch_size = batch_size
        self._model_id = _id_of(self._model)

    @property
    def model_id(self) -> str:
        """Name the model by its content, whatever it runs on."""
        return self._model_id

    @property
    def dimensions(self) -> int:
        """Return the length of a vector."""
        return int(self._model.get_embedding_dimension())

    def encode(self, folded: TextColumn) -> NDArray[np.float32]:
        """Embed texts, shape (n, dimensions), each of length 1; all zeros for an empty one."""
        out = np.zeros((len(folded), self.dimensions), np.float32)
        rows = np.flatnonzero(np.diff(folded.offsets))
        if len(rows):
            texts = folded.series().gather(rows).to_list()
            out[rows] = self._model.encode(
                texts, batch_size=self._batch_size, normalize_embeddings=True, show_progress_bar=False
            )
        return out


def _id_of(model: Any) -> str:  # noqa: ANN401  # of a library without types here
    content = hashlib.sha256(repr(model).encode())
    for name, tensor in sorted(model.state_dict().items()):
        content.update(name.encode())
        content.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return content.hexdigest()[:_ID_LENGTH]
