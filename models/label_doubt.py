"""Labels in doubt: those that trees which never saw the account contradict, and that therefore teach half.

Method: confident learning (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
JAIR 2021). An account is in doubt where its probability of the other class is at least the mean of that probability
among the accounts that have that label; that mean takes out how sure the trees are in general. Such accounts are not
dropped, since a hard one that is labelled rightly looks the same, and is the one to learn from. Trees that contradict a
large part of all labels have not learned them, and nothing is doubted on their word.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.history import Accounts

WEIGHT: Final = 0.5
"""How much a label in doubt is believed."""
SHARE_MAX: Final = 0.25
"""With more labels in doubt, none is."""


def in_doubt(is_bot: NDArray[np.bool_], probability: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which labels are in doubt, given the probability that each account is a bot, by trees that never saw it."""
    if is_bot.all() or not is_bot.any():
        return np.zeros(len(is_bot), np.bool_)
    of_bots, of_humans = probability[is_bot].mean(), (1 - probability[~is_bot]).mean()
    doubted: NDArray[np.bool_] = np.where(is_bot, 1 - probability >= of_humans, probability >= of_bots)
    return doubted if doubted.mean() <= SHARE_MAX else np.zeros_like(doubted)


def doubting(accounts: Accounts, probability: NDArray[np.float64]) -> tuple[Accounts, int]:
    """Let the labels in doubt count half, on top of how much they are believed anyway; also say how many they are."""
    doubted = in_doubt(accounts.is_bot, probability)
    believed = np.ones(len(accounts)) if accounts.weight is None else accounts.weight
    return replace(accounts, weight=np.where(doubted, WEIGHT * believed, believed)), int(doubted.sum())
