"""The split: which accounts a model learns from, is tuned on and is tested on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.history import Accounts

CLASS_MIN: Final = 10
"""Fewer accounts of a class than this cannot be split three ways and still measured."""

_SIDE_MIN: Final = 3  # accounts of each class on each side
_CUTS: Final = (0.6, 0.8)
BY_TIME: Final = "by time"
STRATIFIED: Final = "stratified"


class Side(IntEnum):
    """A side of the split."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


@dataclass(frozen=True, slots=True)
class Split:
    """Each account's side, and how it was found; no account and no campaign is on two sides."""

    side: NDArray[np.int8]
    method: str

    def on(self, side: Side) -> NDArray[np.bool_]:
        """Return which accounts are on a side."""
        result: NDArray[np.bool_] = self.side == side
        return result


def split_accounts(accounts: Accounts, seed: int) -> Split:
    """Put the oldest 60 % of accounts into training, the next 20 % into validation, the newest into test.

    Age is when an account was first seen, for a campaign the mean over its accounts (its first would put every
    long campaign among the oldest). Where that leaves a side with fewer
    than three accounts of a class, groups are shared out at random, keeping the classes' proportions.
    """
    bots = int(accounts.is_bot.sum())
    if min(bots, len(accounts) - bots) < CLASS_MIN:
        msg = (
            f"expected at least {CLASS_MIN} bots and {CLASS_MIN} humans that are labelled and have events, "
            f"got {bots} and {len(accounts) - bots}; label more accounts, or check that the ids match the events'"
        )
        raise UsageError(msg)
    by_time = Split(_by_time(accounts), BY_TIME)
    if _fewest(accounts, by_time) >= _SIDE_MIN:
        return by_time
    stratified = Split(_stratified(accounts, seed), STRATIFIED)
    if _fewest(accounts, stratified) < 1:
        msg = (
            f"expected bots and humans of several campaigns, got {len(np.unique(accounts.group[accounts.is_bot]))} "
            "groups of bots; a campaign is never split, so label accounts of more campaigns"
        )
        raise UsageError(msg)
    return stratified


def _by_time(accounts: Accounts) -> NDArray[np.int8]:
    groups, inverse, sizes = np.unique(accounts.group, return_inverse=True, return_counts=True)
    first_ms = np.bincount(inverse, accounts.first_ms - accounts.first_ms.min()) / sizes
    order = np.argsort(first_ms, kind="stable")
    before = np.empty(len(groups))
    before[order] = np.cumsum(sizes[order]) - sizes[order] / 2
    sides = np.searchsorted(_CUTS, before / len(accounts), side="right").astype(np.int8)
    return sides[inverse]


def _stratified(accounts: Accounts, seed: int) -> NDArray[np.int8]:
    from sklearn.model_selection import StratifiedGroupKFold

    folds = StratifiedGroupKFold(n_splits=5, shuffle=True, random_state=seed)
    sides = np.zeros(len(accounts), np.int8)
    parts = folds.split(np.zeros(len(accounts)), accounts.is_bot, accounts.group)
    for side, (_, held_out) in zip((Side.TEST, Side.VALIDATION), parts, strict=False):
        sides[held_out] = side
    return sides


def _fewest(accounts: Accounts, split: Split) -> int:
    return min(int((accounts.is_bot[split.on(side)] == is_bot).sum()) for side in Side for is_bot in (True, False))
