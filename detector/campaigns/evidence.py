"""When a group of near duplicates is a campaign, and when one that was taken for one is what people say.

That many people send a text says little by itself. Copies are closer to each other than what people happen to say
alike, they are longer, and they come within months of each other; what comes fast needs to be less close. That three or
four people paste the same lines happens: what so few send slowly needs something else that speaks for it.
`benchmarks/campaigns.py` shows what these limits find on a troll farm and on a help channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from detector.contract.decisions import Verdict
from detector.contract.times import DAY_MS
from features.messages import CLOSENESS_MIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from detector.campaigns.record import Record

SENDERS_MIN: Final = 3
WINDOW_MS: Final = 90 * DAY_MS
"""The distinct senders that count are those within so much time."""
SLOW: Final = ((0.7, 7), (0.9, 5))
"""Closeness and words: each is enough, and short texts need to be closer."""
SLOW_SENDERS: Final = 5
"""So many senders are enough; of fewer, two must have sent copies of another text as well, or the text must have a
contact of somebody's own."""
FAST_SENDERS, FAST_WORDS = 5, 5
"""Senders within an hour."""

BENIGN_MEMBERS: Final = 50
BENIGN_AGE_MS: Final = 14 * DAY_MS
BENIGN_PEAK_SHARE: Final = 0.2
SUSPECTS_SHARE: Final = 0.05


def is_campaign(senders: int, senders_1h: int, words: int, closeness: float, is_supported: Callable[[], bool]) -> bool:
    """Tell whether a group is a campaign, by its distinct senders within `WINDOW_MS` and within an hour.

    ``is_supported`` says whether something else speaks for it, and is asked only where that decides.
    """
    if senders < SENDERS_MIN or closeness < CLOSENESS_MIN:
        return False
    if senders_1h >= FAST_SENDERS and words >= FAST_WORDS:
        return True
    is_close = any(closeness >= close and words >= long for close, long in SLOW)
    return is_close and (senders >= SLOW_SENDERS or is_supported())


def is_slow(record: Record) -> bool:
    """Tell whether a campaign is large and long-lived, and hardly ever grew fast."""
    return (
        record.count >= BENIGN_MEMBERS
        and record.last_ms - record.first_ms >= BENIGN_AGE_MS
        and record.peak <= BENIGN_PEAK_SHARE * record.count
    )


def is_trusted(record: Record, verdicts: Mapping[int, int]) -> bool:
    """Tell whether nearly all members, counted by their last verdict, are allowed; those without one are as well."""
    suspects = sum(count for verdict, count in verdicts.items() if verdict > Verdict.ALLOW)
    return suspects <= SUSPECTS_SHARE * record.count
