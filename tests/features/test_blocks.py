"""Facts about memory in blocks: what is taken stays whole, and nothing lies idle for long."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.contract.jit import kernel
from features.blocks import BLOCK_MAX, PAGE, SIZES, class_of, give_back, grown, has_room, no_blocks, size_at, take


@kernel
def room(blocks):
    return has_room(blocks)


class Owners:
    """Blocks of some owners, each filled with a number of its own."""

    def __init__(self, owners: int) -> None:
        self.memory, self.blocks = no_blocks()
        self.places = np.full(owners, -1, np.int64)
        self.words = np.zeros(owners, np.int64)

    def resize(self, owner: int, words: int) -> None:
        if self.places[owner] >= 0:
            give_back(self.memory, self.blocks, self.places[owner], self.places)
            self.places[owner] = -1
        self.words[owner] = words
        if words:
            while not room(self.blocks):
                self.blocks = grown(self.memory, self.blocks)
            take(self.memory, self.blocks, words, self.places, owner)
            start = self.places[owner]
            self.memory[start : start + words] = owner + 1

    def content(self) -> list[set[int]]:
        spans = zip(self.places.tolist(), self.words.tolist(), strict=True)
        return [set(self.memory[start : start + words].tolist()) if words else set() for start, words in spans]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 19), st.one_of(st.just(0), st.integers(1, 300), st.integers(1, BLOCK_MAX))),
        max_size=120,
    )
)
def test_every_owner_finds_its_block_whole_whatever_others_took_and_gave_back(steps):
    owners = Owners(20)
    for owner, words in steps:
        owners.resize(owner, words)
    assert owners.content() == [{o + 1} if words else set() for o, words in enumerate(owners.words.tolist())]


@pytest.mark.parametrize("words", [1, 4, 5, 256, 257, 300, 5000, int(SIZES[-2]) + 1, BLOCK_MAX])
def test_a_block_is_the_smallest_that_fits(words):
    owners = Owners(1)
    owners.resize(0, words)
    size = size_at(owners.blocks, owners.places[0])
    assert size == SIZES[class_of(words)] >= words
    assert class_of(words) == 0 or SIZES[class_of(words) - 1] < words


def test_memory_given_back_goes_to_other_sizes():
    owners = Owners(2000)
    for words in (100, 150, 200, 250, 300):
        for owner in range(2000):
            owners.resize(owner, words)
    held = 2000 * 300
    assert owners.blocks.counts[0] * PAGE <= held + 10 * PAGE
