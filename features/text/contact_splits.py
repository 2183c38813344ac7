"""Contacts cut in two by the end of a message: "my number is 415" and then "555 0123".

Of each sender the end of what was said last is kept, 57 bytes in all, and read once more together with the beginning of
the next message if that follows within two minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel
from features.text.column import TextColumn
from features.text.contact_sheet import HINT
from features.text.contact_words import whole
from features.text.contacts import Contacts, find_contacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

TAIL: Final = 48
"""Bytes kept of what a sender said last."""
HEAD: Final = 64
"""Bytes read of the next message."""
WITHIN_MS: Final = 120_000
_CUT: Final = TAIL - 3
"""A tail of at least so many bytes may begin within a contact (3 bytes of a character may have gone)."""


class SplitContacts:
    """What senders said last, a slot each, and the contacts that go on in what they say next."""

    def __init__(self, senders: int = 0) -> None:
        self._tails = np.zeros((senders, TAIL), np.uint8)
        self._sizes = np.zeros(senders, np.uint8)
        self._times = np.zeros(senders, np.int64)

    def find(self, slots: NDArray[np.int64], times_ms: NDArray[np.int64], texts: TextColumn) -> Contacts:
        """Read n messages, in order of time for each sender, and find the contacts that began in earlier ones.

        ``row`` is the message in which the contact ends, ``stop`` the byte there; ``place`` is negative.
        """
        self._make_room(int(slots.max(initial=-1)) + 1)
        joined, borders, cut = self._joined(slots, times_ms, texts)
        found = find_contacts(joined)
        place, stop = found.place - borders[found.row], found.stop - borders[found.row]
        inside = (found.place > 0) | (borders[found.row] < _CUT)
        inside &= (found.stop < np.diff(joined.offsets)[found.row]) | (cut[found.row] == 0)
        spans = (place < -1) & (stop > 0) & inside & (found.kind != HINT)
        return found._replace(place=place, stop=stop).only(spans)

    def forget(self, slots: NDArray[np.int64]) -> None:
        """Forget what the senders of some slots said."""
        self._sizes[slots] = 0

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Return the state as arrays."""
        return {"tails": self._tails.copy(), "sizes": self._sizes.copy(), "times": self._times.copy()}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up a state that `snapshot` returned."""
        self._tails = np.array(state["tails"], np.uint8)
        self._sizes = np.array(state["sizes"], np.uint8)
        self._times = np.array(state["times"], np.int64)

    def _make_room(self, senders: int) -> None:
        missing = senders - len(self._sizes)
        if missing > 0:
            missing = max(missing, len(self._sizes))
            self._tails = np.concatenate([self._tails, np.zeros((missing, TAIL), np.uint8)])
            self._sizes = np.concatenate([self._sizes, np.zeros(missing, np.uint8)])
            self._times = np.concatenate([self._times, np.zeros(missing, np.int64)])

    def _joined(
        self, slots: NDArray[np.int64], times_ms: NDArray[np.int64], texts: TextColumn
    ) -> tuple[TextColumn, NDArray[np.int32], NDArray[np.uint8]]:
        """Join each message to what was said before; give where it begins there, and whether its end is cut off."""
        n = len(texts)
        joined = TextColumn(np.zeros(n * (TAIL + 1 + HEAD), np.uint8), np.zeros(n + 1, np.int64))
        borders, cut = np.zeros(n, np.int32), np.zeros(n, np.uint8)
        state = (self._tails, self._sizes, self._times)
        _join(slots, times_ms, texts.data, texts.offsets, *state, joined.data, joined.offsets, borders, cut)
        return TextColumn(joined.data[: joined.offsets[n]], joined.offsets), borders, cut


@kernel
def _copied(source: NDArray[np.uint8], start: int, end: int, target: NDArray[np.uint8], at: int) -> int:
    for i in range(start, end):
        target[at] = source[i]
        at += 1
    return at


@kernel
def _keep(tail: NDArray[np.uint8], size: int, text: NDArray[np.uint8], start: int, end: int) -> int:
    """Put a message behind a tail and keep the last bytes, from the beginning of a character on; give their number."""
    fresh = min(end - start, TAIL)
    gap = 1 if size > 0 and fresh < TAIL else 0
    kept = min(size, TAIL - fresh - gap)
    for i in range(kept):
        tail[i] = tail[size - kept + i]
    if gap:
        tail[kept] = 32
    total = _copied(text, end - fresh, end, tail, kept + gap)
    first = 0
    while first < total and tail[first] & 0xC0 == 0x80:
        first += 1
    for i in range(first, total):
        tail[i - first] = tail[i]
    return total - first


@kernel
def _join(
    slots: NDArray[np.int64],
    times: NDArray[np.int64],
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    tails: NDArray[np.uint8],
    sizes: NDArray[np.uint8],
    last: NDArray[np.int64],
    joined: NDArray[np.uint8],
    ends: NDArray[np.int64],
    borders: NDArray[np.int32],
    cut: NDArray[np.uint8],
) -> None:
    at = ends[0]
    for row in range(len(slots)):
        slot, start, end = slots[row], offsets[row], offsets[row + 1]
        follows = 0 <= times[row] - last[slot] <= WITHIN_MS
        size = whole(sizes[slot]) if follows else 0
        if size > 0 and end > start:
            begin = at
            at = _copied(tails[slot], 0, size, joined, at)
            joined[at] = 32
            borders[row], cut[row] = at + 1 - begin, end - start > HEAD
            at = _copied(data, start, min(end, start + HEAD), joined, at + 1)
        if end > start:
            sizes[slot] = _keep(tails[slot], size, data, start, end)
            last[slot] = times[row]
        ends[row + 1] = at
