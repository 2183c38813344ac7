"""What is measured of messages beside their own bytes: who else wrote them, and what the account wrote before.

The measures are columns of `columns.EventColumns`, filled in three places: what a text says where it was read, who else
sent it where all messages meet, and what it has to do with the account's own where that lives. All are -1 where there
is no text, and shares are in thousandths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from features.text.column import TextColumn
    from features.text.contacts import Contacts
    from features.text.signatures import Signatures

MEASURES: Final = (
    *("language", "spam", "scam", "harvesting", "solicitation", "harassment", "template"),
    *("copies", "senders", "senders_1h", "campaign"),
    *("own_max", "own_mean", "spread", "answer", "script"),
    *("campaign_high", "campaign_low"),
)
"""The measures, in the order of their columns. ``language`` is a code of `text.language`; the five behind it are
categories, 500 being where a text counts as one; ``template`` is the similarity with the known template it is most
like; ``copies`` and ``senders`` count near duplicates and who sent them, ``campaign`` the members of the campaign it is
part of; ``own_max``, ``own_mean`` and ``spread`` compare it with the account's last 8 texts, ``answer`` with what the
other said last; ``script`` is 1 where it follows another text as it did in another conversation. The last two, no
features, are the halves of the campaign's number (`Grouped.campaigns`)."""
LANGUAGE, SPAM, SCAM, HARVESTING, SOLICITATION, HARASSMENT, TEMPLATE = range(7)
COPIES, SENDERS, SENDERS_1H, CAMPAIGN = range(7, 11)
OWN_MAX, OWN_MEAN, SPREAD, ANSWER, SCRIPT, CAMPAIGN_HIGH, CAMPAIGN_LOW = range(11, 18)

CATEGORY: Final = 500
"""From here on a text counts as of a category."""
VECTOR_DIMENSIONS: Final = 128
"""The vectors kept of an account's texts are the first half of the encoder's, which hold most of what they tell apart:
on 200,000 pairs of messages of a chat their cosine is off by .054 (root of the mean square) in four bits a number."""
VECTOR_BYTES: Final = VECTOR_DIMENSIONS // 2
CLOSENESS_MIN: Final = 0.6
"""What many people happen to say is less alike than copies are: `benchmarks/text.py` on ordinary chat."""

TESTS: Final[dict[str, tuple[int, int]]] = {
    "copied": (SENDERS, 3),
    "own_repeat": (OWN_MAX, 900),
    "known_template": (TEMPLATE, 850),
    "spam": (SPAM, CATEGORY),
    "scam": (SCAM, CATEGORY),
    "harvesting": (HARVESTING, CATEGORY),
    "on_topic": (ANSWER, 300),
    "on_script": (SCRIPT, 1),
}
"""Predicates about a text: the measure, and from which value on it holds."""


class Messages(NamedTuple):
    """The m texts of a batch, as those need them who see all messages."""

    rows: NDArray[np.int64]
    """Rows of the batch."""
    senders: NDArray[np.uint64]
    targets: NDArray[np.uint64]
    """0 for none."""
    account_ids: pl.Series
    ts: NDArray[np.int64]
    languages: NDArray[np.uint8]
    texts: TextColumn
    """As they were sent."""
    signatures: Signatures
    contacts: Contacts
    """Contacts and links found in them; rows are those of the texts."""


class Grouped(NamedTuple):
    """What m texts are part of, as it is after each."""

    leaders: NDArray[np.uint64]
    """Ids of groups of near duplicates; 0 for none."""
    copies: NDArray[np.int32]
    senders: NDArray[np.int32]
    senders_1h: NDArray[np.int32]
    members: NDArray[np.int32]
    """Members of the campaign; 0 for none."""
    campaigns: NDArray[np.uint64]
    """Numbers in campaigns' ids; 0 for none."""


class Groups(Protocol):
    """Sees all messages, in order."""

    def process(self, messages: Messages) -> Grouped:
        """Take texts in and say what they are part of."""


def pack(vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Pack m vectors into four bits a number, shape (m, VECTOR_BYTES); they keep their direction."""
    kept = np.zeros((len(vectors), VECTOR_DIMENSIONS), np.float32)
    width = min(VECTOR_DIMENSIONS, vectors.shape[1])
    kept[:, :width] = vectors[:, :width]
    largest = np.maximum(np.abs(kept).max(axis=1, initial=0.0), np.float32(1e-12))
    steps = (np.rint(kept * (7 / largest)[:, None]) + 8).astype(np.uint8)
    packed: NDArray[np.uint8] = steps[:, 0::2] | (steps[:, 1::2] << 4)
    return packed
