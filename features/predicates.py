"""Predicates: yes-or-no facts about one event, which counts and ratios are made of.

A predicate is one entry here: the event types it can hold for, and a test of the event's fields beside. It is about
the account that acts, or else about the event's target, which receives. ``has_gap`` alone is not a fact about the event
but about its place in the account's order; the kernel keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.events import EVENT_TYPES, TYPE_CODES
from features import texts
from features.fields import Fields

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Test = Callable[[Fields], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Predicate:
    """Holds for events of these types (empty: all) whose fields pass the test."""

    types: tuple[str, ...] = ()
    test: Test | None = None
    received: bool = False
    """It is about the target, and holds only where there is one."""

    def by_type(self) -> NDArray[np.bool_]:
        """Say for each event type, in the contract's order, whether it can hold."""
        return np.array([not self.types or name in self.types for name in EVENT_TYPES])


def _is_like(fields: Fields) -> NDArray[np.bool_]:
    return fields.is_any("direction", "like", "superlike")


def _is_pass(fields: Fields) -> NDArray[np.bool_]:
    return fields.is_any("direction", "pass")


def _likes_or_is_like(fields: Fields) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = _is_like(fields) | (fields.types == TYPE_CODES["like"])
    return found


def _has_link(fields: Fields) -> NDArray[np.bool_]:
    found = fields.details.links
    return found if fields.column("links") is None else found | fields.listed.links


def _has_contact(fields: Fields) -> NDArray[np.bool_]:
    found = fields.details.contacts
    return found if fields.column("links") is None else found | fields.listed.contacts


PREDICATES: Final[dict[str, Predicate]] = {
    "event": Predicate(),
    "login": Predicate(("login",)),
    "profile_update": Predicate(("profile_update",)),
    "photo_upload": Predicate(("photo_upload",)),
    "swipe": Predicate(("swipe",)),
    "swipe_like": Predicate(("swipe",), _is_like),
    "swipe_pass": Predicate(("swipe",), _is_pass),
    "match": Predicate(("match",)),
    "unmatch": Predicate(("unmatch",)),
    "message": Predicate(("message",)),
    "post": Predicate(("post", "reply", "share")),
    "reply_post": Predicate(("reply",)),
    "share": Predicate(("share",)),
    "follow": Predicate(("follow",)),
    "like": Predicate(("like",)),
    "report": Predicate(("report", "block")),
    "purchase": Predicate(("purchase",)),
    "targeted": Predicate(test=lambda f: f.has("target_id")),
    "text": Predicate(test=lambda f: f.has("text")),
    "link": Predicate(test=_has_link),
    "contact": Predicate(test=_has_contact),
    "emoji": Predicate(test=lambda f: f.text_is(texts.EMOJI)),
    "non_ascii": Predicate(test=lambda f: f.text_is(texts.LETTER)),
    "message_received": Predicate(("message",), received=True),
    "like_received": Predicate(("swipe", "like"), _likes_or_is_like, received=True),
    "pass_received": Predicate(("swipe",), _is_pass, received=True),
    "follow_received": Predicate(("follow",), received=True),
    "match_received": Predicate(("match",), received=True),
    "unmatch_received": Predicate(("unmatch",), received=True),
    "report_received": Predicate(("report",), received=True),
    "block_received": Predicate(("block",), received=True),
    "reply_received_post": Predicate(("reply",), received=True),
}
"""Every predicate over the contract's fields."""

HAS_GAP: Final = "has_gap"
"""True for every event of an account but its first."""
