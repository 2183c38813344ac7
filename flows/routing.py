"""Which worker gets what: shard names that Bytewax's own hash sends to the worker we want."""

from __future__ import annotations

from functools import cache
from typing import Final

WORKERS_EVEN: Final = 840
"""Shards spread evenly over any number of workers that divides this: 1 to 8, 10, 12, 14, 15, 20, 21, 24, 28…"""
_MASK: Final = (1 << 64) - 1


def worker_of(key: str, workers: int) -> int:
    """Say which of ``workers`` Bytewax sends a key to: Rust's DefaultHasher of a str, modulo the workers."""
    return _siphash13(key.encode() + b"\xff") % workers


@cache
def shard_key(shard: int) -> str:
    """Name a shard so that it lands on worker ``shard % workers``. Recovery state hangs on the name."""
    attempt = 0
    while worker_of(f"s{shard:04d}.{attempt}", WORKERS_EVEN) != shard % WORKERS_EVEN:
        attempt += 1
    return f"s{shard:04d}.{attempt}"


@cache
def homes(shards: int, workers: int) -> tuple[int, ...]:
    """Say for each shard which is the first of those on its worker."""
    firsts: dict[int, int] = {}
    return tuple(firsts.setdefault(worker_of(shard_key(shard), workers), shard) for shard in range(shards))


def part_key(part: int) -> str:
    """Name a partition of a source or sink so that names sort as numbers do."""
    return f"{part:05d}"


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _siphash13(data: bytes) -> int:
    """SipHash-1-3 with a zero key."""
    state = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    whole = len(data) - len(data) % 8
    words = [int.from_bytes(data[start : start + 8], "little") for start in range(0, whole, 8)]
    words.append(((len(data) & 0xFF) << 56) | int.from_bytes(data[whole:], "little"))
    for word in words:
        v0, v1, v2, v3 = _round(state[0], state[1], state[2], state[3] ^ word)
        state = (v0 ^ word, v1, v2, v3)
    state = (state[0], state[1], state[2] ^ 0xFF, state[3])
    for _ in range(3):
        state = _round(*state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _round(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    v0 = (v0 + v1) & _MASK
    v1 = _rotate(v1, 13) ^ v0
    v0 = _rotate(v0, 32)
    v2 = (v2 + v3) & _MASK
    v3 = _rotate(v3, 16) ^ v2
    v0 = (v0 + v3) & _MASK
    v3 = _rotate(v3, 21) ^ v0
    v2 = (v2 + v1) & _MASK
    v1 = _rotate(v1, 17) ^ v2
    return v0, v1, _rotate(v2, 32), v3
