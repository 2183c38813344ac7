"""What aggregates may name, besides predicates: values, keys and categories of events, and what is said of accounts."""

from __future__ import annotations

from typing import Final

from features import columns
from features.messages import MEASURES
from features.places import GAP_BINS, PACES
from features.sharing import KINDS

VALUES: Final = {
    "gap_ms": "GAP",
    "gap_doublings": "GAP",
    "pair_gap_ms": "PAIR_GAP",
    "text_length": "LENGTH",
    "pair_index": "INDEX",
}
"""Values an event can have, and the field that holds each."""
KEYS: Final = {"other": None, "text": "TEXT", "shape": "SHAPE", "domain": "DOMAIN"}
"""Keys an event can have; the other account has a field of 8 bytes."""
CATEGORIES: Final = {"gap": (0, GAP_BINS), "bigram": (8, 64), "hour": (16, 24)}
"""Categories an event can fall in: which byte of CLASS holds it, and how many there are."""
LIFE: Final = 0
"""Stands for the window of an account's whole life."""
LIFE_VALUE: Final = "gap_doublings"
"""The value added up over an account's life: log2 of the gap in seconds, in 1024ths. Squares of gaps would not fit."""
LIFE_CATEGORIES: Final = {"gap": GAP_BINS, "hour": 24, "second": 30, "minute": 30, "paces": PACES * PACES}
"""Categories counted over an account's life, in the order of their codes: seconds of the minute and minutes of the hour
by twos, paces with the pace before."""
LATEST: Final = {
    "photo_count": (columns.PHOTO_COUNT, 1),
    "bio_length": (columns.BIO_LENGTH, 1),
    "name_digits": (columns.NAME_DIGITS, 1),
    "message": (columns.MESSAGE, len(MEASURES)),
    **{kind: (columns.SHARED + 2 * place, 2) for place, kind in enumerate(KINDS)},
}
"""Values an account keeps the latest of: first column and how many."""
