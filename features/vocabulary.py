"""What aggregates may name, besides predicates: values, keys and categories of events, and what is said of accounts."""

from __future__ import annotations

from typing import Final

from features import columns
from features.messages import MEASURES
from features.places import GAP_BINS
from features.sharing import KINDS

VALUES: Final = {"gap_ms": "GAP", "pair_gap_ms": "PAIR_GAP", "text_length": "LENGTH", "pair_index": "INDEX"}
"""Values an event can have, and the field that holds each."""
KEYS: Final = {"other": None, "text": "TEXT", "shape": "SHAPE", "domain": "DOMAIN"}
"""Keys an event can have; the other account has a field of 8 bytes."""
CATEGORIES: Final = {"gap": (0, GAP_BINS), "bigram": (8, 64), "hour": (16, 24)}
"""Categories an event can fall in: which byte of CLASS holds it, and how many there are."""
LATEST: Final = {
    "photo_count": (columns.PHOTO_COUNT, 1),
    "bio_length": (columns.BIO_LENGTH, 1),
    "name_digits": (columns.NAME_DIGITS, 1),
    "message": (columns.MESSAGE, len(MEASURES)),
    **{kind: (columns.SHARED + 2 * place, 2) for place, kind in enumerate(KINDS)},
}
"""Values an account keeps the latest of: first column and how many."""
