"""Where all messages meet: near duplicates of one another, and the campaigns they make up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from detector.campaigns import Campaigns
from features.messages import CLOSENESS_MIN, Grouped
from features.text.column import TextColumn
from features.text.near_duplicates import CAPACITY, NearDuplicates
from features.text.signatures import Signatures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from features.messages import Messages

_LOG_BYTES_MIN: Final = 1 << 20
_CAMPAIGNS: Final = "campaigns_"
_NEAR: Final = "near_"


class MessageGroups:
    """Groups texts as they come.

    What it tells of itself (`changes`) is the texts that came since, which lead from state to state, until they weigh
    as much as the state: then that.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._near = NearDuplicates(capacity)
        self.campaigns = Campaigns()
        self._came: list[_Came] = []
        self._told_bytes, self._whole_bytes = 0, 0

    def __len__(self) -> int:
        """Return the number of groups held."""
        return len(self._near)

    @property
    def nbytes(self) -> int:
        """Bytes the arrays take."""
        return self._near.nbytes

    def process(self, messages: Messages) -> Grouped:
        """Take texts in, and say what they are part of."""
        came = messages.signatures, messages.senders, messages.ts, messages.texts
        found = self._near.process(*came)
        self._came.append(came)
        member = self.campaigns.observe(messages, found)
        close = found.closeness >= CLOSENESS_MIN
        return Grouped(
            found.leaders,
            found.counts,
            np.where(close, found.senders, np.minimum(found.senders, 1)),
            np.where(close, found.senders_1h, np.minimum(found.senders_1h, 1)),
            member.members,
            member.campaigns,
        )

    def sweep(self, before_ms: int, steps: int) -> int:
        """Look at the next ``steps`` groups and forget those last seen before a time; return how many were."""
        return self._near.sweep(before_ms, steps)

    def changes(self, shards: int = 1) -> dict[int, dict[str, NDArray[Any]]]:
        """Tell what `apply` must be told, after all it was told before, to hold the same state: of the one shard, 0."""
        assert shards == 1, "messages all meet in one place"
        told = _prefixed(_CAMPAIGNS, self.campaigns.changes() or {}) | _joined(self._came)
        self._came = []
        if not told:
            return {}
        self._told_bytes += sum(array.nbytes for array in told.values())
        complete = self._told_bytes >= max(self._whole_bytes, _LOG_BYTES_MIN)
        if complete:
            told = _prefixed(_CAMPAIGNS, self.campaigns.snapshot()) | _prefixed(_NEAR, self._near.snapshot())
            self._whole_bytes, self._told_bytes = sum(array.nbytes for array in told.values()), 0
        return {0: told | {"complete": np.array([complete])}}

    def apply(self, changes: dict[str, NDArray[Any]]) -> None:
        """Take in what `changes` told; ValueError when another version or capacity wrote it."""
        of_campaigns = _unprefixed(_CAMPAIGNS, changes)
        if of_campaigns:
            self.campaigns.apply(of_campaigns)
        if changes["complete"][0]:
            self._near.restore(_unprefixed(_NEAR, changes))
        elif "values" in changes:
            signatures = Signatures(*(changes[name] for name in Signatures._fields))
            texts = TextColumn(changes["data"], changes["offsets"])
            self._near.process(signatures, changes["senders"], changes["ts"], texts)


_Came = tuple[Signatures, "NDArray[np.uint64]", "NDArray[np.int64]", TextColumn]


def _prefixed(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{prefix}{name}": array for name, array in arrays.items()}


def _unprefixed(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _joined(came: list[_Came]) -> dict[str, NDArray[Any]]:
    if not came:
        return {}
    signatures, senders, ts, texts = zip(*came, strict=True)
    sizes = np.concatenate([np.diff(each.offsets) for each in texts])
    return {
        **{name: np.concatenate([getattr(each, name) for each in signatures]) for name in Signatures._fields},
        "senders": np.concatenate(senders),
        "ts": np.concatenate(ts),
        "data": np.concatenate([each.data for each in texts]),
        "offsets": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
    }
