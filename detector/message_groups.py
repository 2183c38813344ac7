"""Where all messages meet: near duplicates of one another, and the campaigns they make up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from detector.campaigns import Campaigns
from features.messages import CLOSENESS_MIN, Grouped
from features.text.near_duplicates import CAPACITY, NearDuplicates
from features.text.near_told import is_complete

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from features.messages import Messages

_CAMPAIGNS: Final = "campaigns_"
_NEAR: Final = "near_"


class MessageGroups:
    """Groups texts as they come."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._near = NearDuplicates(capacity)
        self.campaigns = Campaigns()

    def __len__(self) -> int:
        """Return the number of groups held."""
        return len(self._near)

    @property
    def nbytes(self) -> int:
        """Bytes the arrays take."""
        return self._near.nbytes

    def process(self, messages: Messages) -> Grouped:
        """Take texts in, and say what they are part of."""
        found = self._near.process(messages.signatures, messages.senders, messages.ts, messages.texts)
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
        near, campaigns = self._near.changes(), self.campaigns.changes() or {}
        if not near and not campaigns:
            return {}
        complete = bool(near) and is_complete(near)
        if complete:
            campaigns = self.campaigns.snapshot()
        return {0: _prefixed(_CAMPAIGNS, campaigns) | _prefixed(_NEAR, near) | {"complete": np.array([complete])}}

    def apply(self, changes: dict[str, NDArray[Any]]) -> None:
        """Take in what `changes` told; ValueError when another version or capacity wrote it."""
        if of_campaigns := _unprefixed(_CAMPAIGNS, changes):
            self.campaigns.apply(of_campaigns)
        if of_near := _unprefixed(_NEAR, changes):
            self._near.apply(of_near)


def _prefixed(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{prefix}{name}": array for name, array in arrays.items()}


def _unprefixed(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
