from ipaddress import IPv4Address, ip_address, ip_network

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.hashing import strings_of
from features.ip_blocks import write_block_keys

group = st.integers(0, 0xFFFF).map("{:x}".format)
spelled = st.lists(group | st.sampled_from(["", ":", "::", "1.2.3.4", "10.0.0.256", "12345", "g"]), max_size=9)
almost = spelled.map(":".join) | st.text("0123456789abF:.", max_size=24) | st.ip_addresses().map(str)


def blocks(*addresses):
    out = np.zeros(len(addresses), np.uint64)
    column = pl.Series(addresses, dtype=pl.String)
    write_block_keys(*strings_of(column), np.empty(16, np.uint8), out)
    return out.tolist()


def first_of_block(text):
    """Give the first address of the block, which stands for it."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped and text.lower().startswith("::ffff:") and "." in text:
        address = mapped
    bits = 24 if isinstance(address, IPv4Address) else 48
    return str(ip_network((address, bits), strict=False)[0])


@given(almost)
@example("1:2:3:4:5:6:1.2.3.4")
@example("::2:3:4:5:6:7:8")
@example("1::3:4:5:6:7:8")
@example("1:2:3:4:5:6:7::")
@example("::1.2.3.4")
@example("::FFFF:1.2.3.4")
@example("1::1.2.3.4:5")
@example("01.2.3.4")
def test_an_address_is_in_the_block_of_its_first_bits_and_what_is_none_in_no_block(text):
    first = first_of_block(text)
    assert blocks(text)[0] == (0 if first is None else blocks(first)[0])
    assert first is None or blocks(first)[0] != 0


@given(st.lists(st.ip_addresses(), min_size=2, max_size=2))
def test_addresses_share_a_block_only_if_their_first_bits_are_the_same(addresses):
    first, second = (str(address) for address in addresses)
    found = blocks(first, second)
    assert (found[0] == found[1]) == (first_of_block(first) == first_of_block(second))


def test_neighbours_share_a_block():
    v4, near, far, v6, near6, far6 = blocks(
        "192.0.2.1", "192.0.2.254", "192.0.3.1", "2001:db8:1::1", "2001:DB8:1:ff::2", "2001:db8:2::1"
    )
    assert v4 == near != far
    assert v6 == near6 != far6
    assert len({v4, far, v6, far6}) == 4


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "1.2.3.4:80", "[::1]", "1.2.3.4 ", "fe80::1%eth0", None])
def test_what_is_no_address_has_no_block(text):
    assert blocks(text) == [0]
