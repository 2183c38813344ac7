"""The split: folds that each take their turn at being left out, and the newest accounts, kept apart once."""

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
"""Fewer accounts of a class than this cannot be split and still measured."""
FOLDS: Final = 5

_SIDE_MIN: Final = 3  # accounts of each class on each side
_CUT: Final = 0.8
BY_TIME: Final = "by time"
STRATIFIED: Final = "stratified"


class Side(IntEnum):
    """A side of the split."""

    OLDER = 0
    NEWER = 1


@dataclass(frozen=True, slots=True)
class Split:
    """Each account's fold and side, shape (m,), and how sides were found; no account and no campaign is in two."""

    fold: NDArray[np.int8]
    side: NDArray[np.int8]
    method: str

    def on(self, side: Side) -> NDArray[np.bool_]:
        """Return which accounts are on a side."""
        result: NDArray[np.bool_] = self.side == side
        return result


def split_accounts(accounts: Accounts, seed: int) -> Split:
    """Share groups out among folds with the classes' proportions, and tell the newest 20 % of accounts from the older.

    Age is when an account was first seen, for a campaign the mean over its accounts (its first would put every
    long campaign among the oldest). Where that leaves a side with fewer
    than three accounts of a class, the last fold stands for the newest.
    """
    bots = int(accounts.is_bot.sum())
    if min(bots, len(accounts) - bots) < CLASS_MIN:
        msg = (
            f"expected at least {CLASS_MIN} bots and {CLASS_MIN} humans that are labelled and have events, "
            f"got {bots} and {len(accounts) - bots}; label more accounts, or check that the ids match the events'"
        )
        raise UsageError(msg)
    fold = _folds(accounts, seed)
    by_time = Split(fold, _by_time(accounts), BY_TIME)
    if np.ptp(accounts.first_ms) > 0 and _fewest(accounts, by_time) >= _SIDE_MIN:
        return by_time
    held_out = int(np.bincount(fold[accounts.is_bot], minlength=FOLDS).argmax())
    stratified = Split(fold, (fold == held_out).astype(np.int8), STRATIFIED)
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
    sides = (before / len(accounts) >= _CUT).astype(np.int8)
    return sides[inverse]


def _folds(accounts: Accounts, seed: int) -> NDArray[np.int8]:
    from sklearn.model_selection import StratifiedGroupKFold

    parts = StratifiedGroupKFold(n_splits=FOLDS, shuffle=True, random_state=seed)
    folds = np.zeros(len(accounts), np.int8)
    for fold, (_, held_out) in enumerate(parts.split(np.zeros(len(accounts)), accounts.is_bot, accounts.group)):
        folds[held_out] = fold
    return folds


def _fewest(accounts: Accounts, split: Split) -> int:
    return min(int((accounts.is_bot[split.on(side)] == is_bot).sum()) for side in Side for is_bot in (True, False))
