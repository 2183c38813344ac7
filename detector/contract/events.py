"""The event: its types, its fields, and the columns a batch of events has.

An event type is one entry in ``EVENT_TYPES``; a field is one entry in ``FIELDS``. Everything that needs to know
the fields (decoder, lake, simulator, docs) reads these two.
"""

from typing import Final

import polars as pl

FIELDS: Final[dict[str, pl.DataType]] = {
    "target_id": pl.String(),
    "conversation_id": pl.String(),
    "text": pl.String(),
    "direction": pl.String(),
    "reason": pl.String(),
    "ip": pl.String(),
    "device_id": pl.String(),
    "user_agent": pl.String(),
    "platform": pl.String(),
    "country": pl.String(),
    "email_domain": pl.String(),
    "phone_prefix": pl.String(),
    "name": pl.String(),
    "bio": pl.String(),
    "age": pl.Int64(),
    "gender": pl.String(),
    "photo_count": pl.Int64(),
    "photo_hash": pl.String(),
    "links": pl.List(pl.String()),
    "amount": pl.Float64(),
    "currency": pl.String(),
}
"""Optional fields of an event and the column type each has."""

_ACCESS: Final = ("ip", "device_id", "user_agent", "platform", "country", "email_domain", "phone_prefix")

EVENT_TYPES: Final[dict[str, tuple[str, ...]]] = {
    "signup": _ACCESS,
    "login": _ACCESS,
    "profile_update": ("name", "bio", "age", "gender", "photo_count"),
    "photo_upload": ("photo_hash",),
    "swipe": ("target_id", "direction"),
    "match": ("target_id",),
    "unmatch": ("target_id",),
    "message": ("target_id", "conversation_id", "text", "photo_hash"),
    "post": ("text", "target_id", "links"),
    "reply": ("text", "target_id", "links"),
    "share": ("text", "target_id", "links"),
    "follow": ("target_id",),
    "like": ("target_id",),
    "report": ("target_id", "reason"),
    "block": ("target_id", "reason"),
    "purchase": ("amount", "currency"),
}
"""Every event type and the further fields it usually carries. Any known field is accepted on any type.

The position of a type in this list is its code in feature state: append, never reorder."""

TYPE_CODES: Final[dict[str, int]] = {name: code for code, name in enumerate(EVENT_TYPES)}

EVENT_SCHEMA: Final = pl.Schema(
    {
        "event_id": pl.String(),
        "type": pl.String(),
        "account_id": pl.String(),
        "ts": pl.Int64(),
        **FIELDS,
        "extra": pl.String(),
    }
)
"""Columns of a decoded batch: ``ts`` in epoch milliseconds (event time, UTC); ``extra`` holds fields the
contract does not name as one JSON object, null when there are none."""
