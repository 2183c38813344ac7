from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.jit import inlined, kernel
from detector.contract.kernel_cache import cache_dir
from features.intrinsics import ones, prefetch, trailing_zeros


@inlined
def fetch_ahead(array, place):
    prefetch(array, place)


@kernel
def gathered(array, places, ahead, out):
    for i in range(len(places)):
        prefetch(array, places[i] + ahead)
        fetch_ahead(places, i + ahead)
        out[i] = array[places[i]]


@kernel
def row_sums(rows, out):
    for i in range(rows.shape[0]):
        prefetch(rows, i + 8)
        out[i] = rows[i].sum()


@kernel
def counted(words, zeros, set_bits):
    for i in range(len(words)):
        zeros[i] = trailing_zeros(words[i])
        set_bits[i] = ones(words[i])


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint64, np.uint16])
@pytest.mark.parametrize("ahead", [0, 8, -1, 1 << 40, -(1 << 40)])
def test_fetching_ahead_changes_no_result_whatever_the_place(dtype, ahead):
    array = np.arange(1000).astype(dtype)
    places = np.random.default_rng(0).permutation(1000)
    out = np.zeros(1000, dtype)
    gathered(array, places, ahead, out)
    assert (out == places.astype(dtype)).all()
    assert (array == np.arange(1000).astype(dtype)).all()


def test_a_fetch_is_an_instruction_in_the_kernel():
    array, places, out = np.arange(9), np.arange(9), np.zeros(9, np.int64)
    compiled = numba.njit(_nrt=False)(gathered.py_func)  # one from the cache could not be looked into
    compiled(array, places, 8, out)
    assert all("prefetch" in code for code in compiled.inspect_asm().values())


def test_an_array_of_rows_is_fetched_by_row():
    rows = np.arange(60).reshape(20, 3)
    out = np.zeros(20, np.int64)
    row_sums(rows, out)
    assert (out == rows.sum(axis=1)).all()


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 63).map(lambda bit: 1 << bit), min_size=1))
def test_bits_are_counted_as_python_counts_them(words):
    zeros, set_bits = np.zeros((2, len(words)), np.int64)
    counted(np.array(words, np.uint64), zeros, set_bits)
    assert zeros.tolist() == [(w & -w).bit_length() - 1 if w else 64 for w in words]
    assert set_bits.tolist() == [w.bit_count() for w in words]


def test_a_kernel_with_a_fetch_is_kept_in_the_cache():
    array, places, out = np.arange(9), np.arange(9), np.zeros(9, np.int64)
    gathered(array, places, 8, out)
    assert list(cache_dir(__name__).rglob("test_intrinsics.gathered*.nbc"))
