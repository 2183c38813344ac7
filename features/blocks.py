"""Memory in blocks of many sizes, without holes.

Memory is cut into *pages*, each for blocks of one size, and the blocks of a size lie side by side from its first page
on: when one is given back the last of its size moves into its place, and an empty page goes to whatever size needs one
next. So no more lies idle than part of one page a size, whatever is taken and given back in whatever order. A block has
one owner, a place in an array that says where the block is; a block that moves tells its owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from detector.contract.jit import kernel, part

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAGE: Final = 1 << 16
"""Words (8 bytes) of a page; a block is at most a little smaller."""
_STEP: Final = 4
_FINE_MAX: Final = 256
"""Sizes are multiples of 4 words up to here; above, what leaves least of a page when it is cut in so many."""
_CUTS: Final = [*range(224, 64, -16), *range(64, 32, -4), *range(32, 16, -2), *range(16, 0, -1)]
_FINE: Final = [(size, PAGE // (size + 1)) for size in range(_STEP, _FINE_MAX + 1, _STEP)]
_TABLE: Final = [*_FINE, *((PAGE // cuts - 1, cuts) for cuts in _CUTS)]
SIZES: Final = np.array([size for size, _ in _TABLE])
"""(S,) words of a block, by class of size, rising."""
_PER_PAGE: Final = np.array([count for _, count in _TABLE])
"""(S,): a page begins with the owners of its blocks, a word each."""
BLOCK_MAX: Final = int(SIZES[-1])

_BEFORE, _CLASS = 0, 1
_LAST, _USED = 0, 1
_TOP, _FREE = 0, 1
_PAGES_FIRST: Final = 16


class Blocks(NamedTuple):
    """What is known of the blocks of a memory."""

    pages: NDArray[np.int64]
    """(P, 2): the page before of its class (of a free one: the next free page; -1: none), and its class."""
    classes: NDArray[np.int64]
    """(S, 2): the last page of each class (-1: none), and how many blocks are in it."""
    counts: NDArray[np.int64]
    """(2,): pages ever used, and the first free one of those (-1: none)."""


def no_blocks() -> tuple[NDArray[np.int64], Blocks]:
    """Make memory without a block; of its first pages the system gives those that are used."""
    classes = np.zeros((len(SIZES), 2), np.int64)
    classes[:, _LAST] = -1
    blocks = Blocks(np.zeros((_PAGES_FIRST, 2), np.int64), classes, np.array([0, -1]))
    return np.zeros(_PAGES_FIRST * PAGE, np.int64), blocks


def grown(memory: NDArray[np.int64], blocks: Blocks) -> Blocks:
    """Add some pages to a memory in its place; views of it are no longer to be used."""
    more = len(blocks.pages) // 16 + 2
    memory.resize(len(memory) + more * PAGE, refcheck=False)  # moves by its pages, without a copy
    return blocks._replace(pages=np.concatenate([blocks.pages, np.zeros((more, 2), np.int64)]))


@part
def has_room(b: Blocks) -> bool:
    """Tell whether two blocks can be taken, of any size."""
    return bool(b.counts[_TOP] + 2 <= b.pages.shape[0])


@kernel
def class_of(words: int) -> int:
    """Return the class of the smallest blocks that hold so many words."""
    if words <= _FINE_MAX:
        return (words + _STEP - 1) // _STEP - 1
    size = _FINE_MAX // _STEP
    while SIZES[size] < words:
        size += 1
    return size


@kernel
def take(memory: NDArray[np.int64], b: Blocks, words: int, owners: NDArray[np.int64], owner: int) -> None:
    """Take a block of at least so many words, where there is room for one, and tell its owner where it begins."""
    size = class_of(words)
    page, used = b.classes[size, _LAST], b.classes[size, _USED]
    if page < 0 or used == _PER_PAGE[size]:
        before, page, used = page, _new_page(b), 0
        b.pages[page, _BEFORE], b.pages[page, _CLASS] = before, size
        b.classes[size, _LAST] = page
    b.classes[size, _USED] = used + 1
    memory[page * PAGE + used] = owner
    owners[owner] = page * PAGE + _PER_PAGE[size] + used * SIZES[size]


@kernel
def give_back(memory: NDArray[np.int64], b: Blocks, place: int, owners: NDArray[np.int64]) -> None:
    """Give back the block at a place; another may be there afterwards, and its owner knows."""
    page = place // PAGE
    size = b.pages[page, _CLASS]
    index = (place - page * PAGE - _PER_PAGE[size]) // SIZES[size]
    last, used = b.classes[size, _LAST], b.classes[size, _USED] - 1
    if last != page or used != index:
        moved = last * PAGE + _PER_PAGE[size] + used * SIZES[size]
        for w in range(SIZES[size]):
            memory[place + w] = memory[moved + w]
        owner = memory[last * PAGE + used]
        memory[page * PAGE + index] = owner
        owners[owner] = place
    b.classes[size, _USED] = used
    if used == 0:
        before = b.pages[last, _BEFORE]
        b.classes[size, _LAST], b.classes[size, _USED] = before, _PER_PAGE[size] if before >= 0 else 0
        b.pages[last, _BEFORE] = b.counts[_FREE]
        b.counts[_FREE] = last


@kernel
def size_at(b: Blocks, place: int) -> int:
    """Return the words of the block at a place."""
    return int(SIZES[b.pages[place // PAGE, _CLASS]])


@kernel
def _new_page(b: Blocks) -> int:
    page = b.counts[_FREE]
    if page >= 0:
        b.counts[_FREE] = b.pages[page, _BEFORE]
        return int(page)
    b.counts[_TOP] += 1
    return int(b.counts[_TOP] - 1)
