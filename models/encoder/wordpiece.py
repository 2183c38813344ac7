"""WordPiece over bytes: a word becomes the longest piece it begins with, and so on with what is left of it.

This is the greedy rule of BERT (https://github.com/google-research/bert, ``tokenization.py``). The pieces are a trie
whose edges lie in one hash table.
"""

from __future__ import annotations

from itertools import pairwise, takewhile
from operator import eq
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from detector.contract.jit import kernel, part
from features.hashing import signed
from models.encoder.characters import SPACE_BYTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

HELD: Final = 256
"""Pieces of a text whose rows are added together."""

_WORD_START: Final = 0
_WORD_INSIDE: Final = 1
_FREE: Final = -1
_EMPTY: Final = -1
_FILL: Final = 2  # places of the hash table for each edge
_EDGE_SHIFT: Final = 25
_NODE_MASK: Final = 0xFFFFFF
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ by the golden ratio: Knuth's multiplicative hashing
_ONE: Final = np.uint64(1)


class Trie(NamedTuple):
    """Nodes are numbers: 0 is where words begin, 1 where they go on."""

    edges: NDArray[np.int64]
    """A hash table of a power of two places, -1 where there is none: from bit 25 on a node times 256 and the byte that
    leads on from it, from bit 1 on the node it leads to, and bit 0 says whether a piece ends there."""
    ids: NDArray[np.int64]
    """Of each node the id of the piece that ends there."""
    shift: np.uint64
    """What a mixed key is shifted by to become a place."""


class Limits(NamedTuple):
    """Where a tokenizer gives up."""

    characters: int
    """Of a word; a longer one is unknown."""
    tokens: int
    """Of a text; what comes behind is not read."""
    unknown: int
    """The id of what is no piece."""


def trie_of(pieces: Sequence[str], prefix: str) -> Trie:
    """Lay out pieces; their ids are their places, and ``prefix`` marks those that go on with a word."""
    roots = np.array([piece.startswith(prefix) and piece != prefix for piece in pieces]).astype(np.int64)
    contents = [piece[len(prefix) * root :].encode() for piece, root in zip(pieces, roots.tolist(), strict=True)]
    offsets = np.concatenate([[0], np.cumsum([len(content) for content in contents])]).astype(np.int64)
    edges = _prefixes(c for c, root in zip(contents, roots, strict=True) if root) + _prefixes(
        c for c, root in zip(contents, roots, strict=True) if not root
    )
    bits = (_FILL * edges).bit_length()
    trie = Trie(np.full(1 << bits, _EMPTY, np.int64), np.zeros(edges + 2, np.int64), np.uint64(64 - bits))
    _grow(trie, np.frombuffer(b"".join(contents), np.uint8), offsets, roots)
    return trie


def _prefixes(contents: Iterable[bytes]) -> int:
    """Count the different beginnings of some texts: in order, each adds what it does not share with the one before."""
    ordered = sorted(contents)
    shared = sum(sum(takewhile(bool, map(eq, before, after))) for before, after in pairwise(ordered))
    return sum(map(len, ordered)) - shared


@part
def _place(trie: Trie, key: int) -> np.uint64:
    """Find the place of an edge, or the empty one where it would be."""
    place = (np.uint64(key) * _MIX) >> trie.shift
    while trie.edges[place] != _EMPTY and trie.edges[place] >> _EDGE_SHIFT != key:
        place = (place + _ONE) & np.uint64(trie.edges.shape[0] - 1)
    return place


@kernel
def _grow(trie: Trie, data: NDArray[np.uint8], offsets: NDArray[np.int64], roots: NDArray[np.int64]) -> None:
    """Add all pieces that are not empty."""
    nodes = 2
    for piece in range(roots.shape[0]):
        node, place = roots[piece], np.uint64(0)
        for at in range(offsets[piece], offsets[piece + 1]):
            key = node << 8 | signed(data[at])
            place = _place(trie, key)
            if trie.edges[place] == _EMPTY:
                trie.edges[place] = key << _EDGE_SHIFT | nodes << 1
                nodes += 1
            node = trie.edges[place] >> 1 & _NODE_MASK
        if offsets[piece] < offsets[piece + 1]:
            trie.edges[place] |= 1
            trie.ids[node] = piece


@kernel
def sum_pieces(
    words: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    trie: Trie,
    limits: Limits,
    table: NDArray[np.int8] | NDArray[np.float32],
    scales: NDArray[np.float32],
    ids: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Add to each row of ``out`` (n, dimensions) the scaled rows of its text's pieces; words end in a space.

    ``ids`` is room for `HELD` pieces and those of one word more.
    """
    for row in range(out.shape[0]):
        at, left, held = offsets[row], limits.tokens, 0
        while at < offsets[row + 1] and left > 0:
            count, at = _split(trie, words, at, limits, ids, held)
            held += min(count, left)
            left -= count
            if held >= HELD:
                _add_rows(table, scales, ids, held, out, row)
                held = 0
        _add_rows(table, scales, ids, held, out, row)


@kernel
def _add_rows(
    table: NDArray[np.int8] | NDArray[np.float32],
    scales: NDArray[np.float32],
    ids: NDArray[np.int64],
    count: int,
    out: NDArray[np.float32],
    row: int,
) -> None:
    """Add rows four at a time, which reads and writes the sum a quarter as often."""
    fours = count & ~3
    for k in range(0, fours, 4):
        a, b, c, d = ids[k], ids[k + 1], ids[k + 2], ids[k + 3]
        times_a, times_b, times_c, times_d = scales[a], scales[b], scales[c], scales[d]
        for j in range(out.shape[1]):
            left = times_a * np.float32(table[a, j]) + times_b * np.float32(table[b, j])
            right = times_c * np.float32(table[c, j]) + times_d * np.float32(table[d, j])
            out[row, j] += left + right
    for k in range(fours, count):
        a, times_a = ids[k], scales[ids[k]]
        for j in range(out.shape[1]):
            out[row, j] += times_a * np.float32(table[a, j])


@part
def _split(
    trie: Trie, words: NDArray[np.uint8], start: int, limits: Limits, ids: NDArray[np.int64], first: int
) -> tuple[int, int]:
    """Write the ids of a word's pieces from a place on; gives their number and where the next word begins."""
    count, stop, root = 0, start, _WORD_START
    while words[stop] != SPACE_BYTE:
        node, stop = _longest(trie, words, stop, root)
        if node == root or count == limits.characters:
            ids[first] = limits.unknown
            return 1, _word_end(words, stop) + 1
        ids[first + count] = trie.ids[node]
        count, root = count + 1, _WORD_INSIDE
    if stop - start > limits.characters and _characters(words, start, stop) > limits.characters:
        ids[first], count = limits.unknown, 1
    return count, stop + 1


@part
def _longest(trie: Trie, words: NDArray[np.uint8], at: int, root: int) -> tuple[int, int]:
    """Find the longest piece here; gives its node, or the root if there is none, and where it ends."""
    node, found, stop = root, root, at
    while words[at] != SPACE_BYTE:
        edge = trie.edges[_place(trie, node << 8 | signed(words[at]))]
        if edge == _EMPTY:
            break
        node, at = edge >> 1 & _NODE_MASK, at + 1
        if edge & 1:
            found, stop = node, at
    return found, stop


@kernel
def _word_end(words: NDArray[np.uint8], at: int) -> int:
    while words[at] != SPACE_BYTE:
        at += 1
    return at


@kernel
def _characters(words: NDArray[np.uint8], at: int, end: int) -> int:
    count = 0
    for k in range(at, end):
        count += words[k] & 0xC0 != 0x80  # all but the later bytes of a character
    return count
