"""Which encoder a setting names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.encoder.folder import is_static
from models.encoder.static import StaticEncoder
from models.encoder.transformer import SentenceTransformerEncoder

if TYPE_CHECKING:
    from models.encoder.encoder import Encoder


def load_encoder(model: str = "", device: str = "cpu", batch_size: int = 256) -> Encoder:
    """Load the shipped static model if ``model`` is empty, else a folder or a name that sentence-transformers knows.

    Static folders run by themselves whatever the device; all others need the extra ``text``, and ``device`` (``cpu``,
    ``cuda``) and ``batch_size`` are for them.

    Raises UsageError if there is no such model, or the extra is needed and not installed.
    """
    if not model:
        return StaticEncoder.load()
    if is_static(Path(model)):
        return StaticEncoder.load(Path(model))
    return SentenceTransformerEncoder(model, device, batch_size)
