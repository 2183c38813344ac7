"""Labels that trees of other accounts contradict count half, and the others as before."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.history import Accounts
from models.label_doubt import doubting, in_doubt

IS_BOT = np.arange(40) < 20


def accounts(is_bot: np.ndarray, weight: np.ndarray | None = None) -> Accounts:
    count = len(is_bot)
    return Accounts(is_bot, np.arange(count), np.zeros(count, np.int64), np.full(count, 5), weight)


def test_a_flipped_label_is_in_doubt_and_no_other():
    said = IS_BOT.copy()
    said[[3, 30]] ^= True
    probability = np.where(IS_BOT, 0.9, 0.1)
    assert np.flatnonzero(in_doubt(said, probability)).tolist() == [3, 30]


def test_trees_that_are_never_sure_doubt_as_those_that_are():
    said = IS_BOT.copy()
    said[3] ^= True
    assert np.flatnonzero(in_doubt(said, np.where(IS_BOT, 0.30, 0.20))).tolist() == [3]


def test_trees_that_contradict_much_are_not_believed():
    assert not in_doubt(IS_BOT, np.where(IS_BOT, 0.1, 0.9)).any()


@given(st.lists(st.floats(0, 1), min_size=3, max_size=30))
def test_labels_of_one_kind_are_never_in_doubt(probability: list[float]):
    for label in (True, False):
        assert not in_doubt(np.full(len(probability), label), np.array(probability)).any()


def test_what_is_in_doubt_counts_half_of_what_it_is_believed():
    said, believed = IS_BOT.copy(), np.linspace(0.2, 1, 40)
    said[3] ^= True
    probability = np.where(IS_BOT, 0.9, 0.1)
    for weight, expected in ((None, 0.5), (believed, believed[3] / 2)):
        known, count = doubting(accounts(said, weight), probability)
        assert (known.weight[3], count) == (expected, 1)
        others = np.arange(40) != 3
        assert np.array_equal(known.weight[others], np.ones(39) if weight is None else weight[others])
