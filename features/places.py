"""What an event's place in its account's order can say, and the numbers behind it."""

from __future__ import annotations

from typing import Final

from detector.contract.jit import kernel

GAP_MS_MAX: Final = 2**30
"""Longer gaps (12.4 days) count as this long, so that sums of squares stay exact in 64 bits."""

SESSION_MS: Final = 30 * 60_000
"""A pause as long as this ends a session: the convention of web analytics."""

PAIR_MS: Final = 24 * 3_600_000
"""After a silence longer than this, two accounts begin a new conversation."""

PLACE_FACTS: Final[dict[str, str]] = {
    "has_gap": "the account did something before",
    "gap_below_1s": "less than 1 s after its event before",
    "gap_below_2s": "less than 2 s after its event before",
    "gap_below_5s": "less than 5 s after its event before",
    "session_start": "the first after a pause of 30 minutes",
    "within_session": "no pause of 30 minutes before it",
    "day_start": "its first on a day (UTC)",
    "has_two_gaps": "the account did two things before",
    "gap_like_before": "its gap differs from the gap before by a tenth of that at most",
    "opened": "first message of a conversation, sent by the account",
    "opened_by_other": "first message of a conversation, sent by the other",
    "unanswered": "message to somebody who has said nothing in the conversation so far",
    "answer": "message right after one of the other",
    "answer_received": "message of the other right after one of the account's own",
    "first_answer": "the other's first message after the account's own",
    "after_match": "first message of a conversation, right after the match",
    "first_contact": "first message of a conversation with a link or contact details",
}
"""Predicates the kernels keep, beside those about an event alone (`predicates.PREDICATES`)."""

GAP_BINS: Final = 44
"""Bin 0: gaps below 64 ms; then two bins for each doubling, to 2²⁷ ms (37 hours) and above."""

PACES: Final = 8
"""Coarser bins, for what gap follows what: six of the others each, so three doublings."""

ACTIONS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("account", ("signup", "login", "profile_update", "photo_upload", "purchase")),
    ("swipe", ("swipe",)),
    ("match", ("match", "unmatch")),
    ("message", ("message",)),
    ("post", ("post", "share")),
    ("reply", ("reply",)),
    ("follow", ("follow", "like")),
    ("report", ("report", "block")),
)
"""Sorts of action, for what follows what: a sort's place is its code; at most 8."""


HOUR_MS: Final = 3_600_000
HOURS: Final = 7 * 24
SLOT_MS: Final = 10 * 60_000
SLOTS: Final = 24 * 6
DAYS: Final = 7
"""Activity is marked by the hour for 7 days and by 10 minutes for 24 hours, and counted by day (UTC) for 7 days, the
newest event's unit included."""


@kernel
def gap_bin(gap_ms: int) -> int:
    """Return the bin of a gap: exact, without logarithms."""
    if gap_ms < 64:
        return 0
    power = 6
    while (gap_ms >> (power + 1)) > 0:
        power += 1
    upper = 1 if gap_ms * gap_ms >= (1 << (2 * power + 1)) else 0
    return min(1 + 2 * (power - 6) + upper, GAP_BINS - 1)


@kernel
def pace_of(gap_ms: int) -> int:
    """Return the coarse bin of a gap: below 384 ms, 3.3 s, 24 s and so on, eight times as long each."""
    return gap_bin(gap_ms) // 6
