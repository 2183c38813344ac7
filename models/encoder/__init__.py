"""Messages as vectors: the static model that reads every message, and any sentence-transformers model in its place."""

from models.encoder.encoder import Encoder
from models.encoder.loading import load_encoder
from models.encoder.static import SHIPPED, StaticEncoder
from models.encoder.transformer import SentenceTransformerEncoder

__all__ = ["SHIPPED", "Encoder", "SentenceTransformerEncoder", "StaticEncoder", "load_encoder"]
