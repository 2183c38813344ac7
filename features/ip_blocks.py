"""Blocks of IP addresses: the neighbourhood an address belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel
from features.hashing import bytes_at, hash_bytes, is_valid, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POINT, _COLON = b".:"
_MAPPED: Final = 0xFFFF  # ::ffff:192.0.2.1 is an IPv4 address
_KEY_BYTES: Final = 7


@kernel
def write_block_keys(
    views: NDArray[np.uint8],
    data: NDArray[np.uint8],
    valid: NDArray[np.uint8],
    first: int,
    scratch: NDArray[np.uint8],
    out: NDArray[np.uint64],
) -> None:
    """Write the key of each address's block: the first 24 bits of IPv4, the first 48 of IPv6; of what is none, 0."""
    for row in range(out.shape[0]):
        if not is_valid(valid, first + row):
            continue
        text, start, end = bytes_at(views, data, first + row)
        block = _block_of(text, start, end)
        if block >= 0:
            for place in range(_KEY_BYTES):
                scratch[place] = (block >> (8 * place)) & 255
            out[row] = hash_bytes(scratch, 0, _KEY_BYTES)


@kernel
def _block_of(text: NDArray[np.uint8], start: int, end: int) -> int:
    """Give a number for a block (IPv6: its 48 bits, IPv4: 2⁴⁸ and its 24 bits), -1 for what is no address."""
    address = _ipv4(text, start, end)
    return (1 << 48) | (address >> 8) if address >= 0 else _ipv6_block(text, start, end)


@kernel
def _ipv4(text: NDArray[np.uint8], start: int, end: int) -> int:
    address, part, digits, points = 0, 0, 0, 0
    for at in range(start, end):
        byte = signed(text[at])
        if 48 <= byte <= 57 and digits < 3 and (digits == 0 or part > 0):
            part, digits = part * 10 + byte - 48, digits + 1
        elif byte == _POINT and digits > 0 and part < 256 and points < 3:
            address, points = (address << 8) | part, points + 1
            part, digits = 0, 0
        else:
            return -1
    return (address << 8) | part if points == 3 and digits > 0 and part < 256 else -1


@kernel
def _ipv6_block(text: NDArray[np.uint8], start: int, end: int) -> int:
    head, heads, tail, tails, gap, at = 0, 0, 0, 0, False, start  # groups before and behind ::, and how many
    while at < end:
        if text[at] == _COLON:
            if gap or at + 1 >= end or text[at + 1] != _COLON:
                return -1
            gap, at = True, at + 2
            continue
        group, stop = _group(text, at, end)
        last = -1
        if stop < end and text[stop] == _POINT:
            last = _ipv4(text, at, end)
            if last < 0:
                return -1
            group, stop = last >> 16, end
        elif stop - at > 4 or stop == at or (stop < end and (text[stop] != _COLON or stop + 1 == end)):
            return -1
        if gap:
            tail, tails = (tail | group << 16 * (1 - tails) if tails < 2 else tail), tails + 1 + (last >= 0)
        else:
            head, heads = (head | group << 16 * (2 - heads) if heads < 3 else head), heads + 1 + (last >= 0)
        if gap and last >= 0 and heads == 0 and tails == 3 and tail >> 16 == _MAPPED:
            return (1 << 48) | (last >> 8)
        at = stop + 1 if stop + 1 < end and text[stop + 1] != _COLON else stop
    if (heads + tails > 7) if gap else (heads != 8):
        return -1
    return head | (tail >> (16 * (7 - tails)) if tails >= 6 else 0)


@kernel
def _group(text: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Read hexadecimal digits: their value, and the place after them."""
    group = 0
    while at < end:
        letter = signed(text[at]) | 32
        if 48 <= text[at] <= 57:
            group = group * 16 + text[at] - 48
        elif 97 <= letter <= 102:
            group = group * 16 + letter - 87
        else:
            break
        at += 1
    return group, at
