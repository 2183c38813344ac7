import numpy as np
import polars as pl
import pyarrow as pa
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from features.hashing import keys

strings = st.lists(st.none() | st.text(st.characters(codec="utf-8"), max_size=120), max_size=20)


def expected_keys(values):
    return [0 if value is None else xxhash.xxh64_intdigest(value.encode()) for value in values]


@given(strings)
def test_keys_are_xxh64_of_the_utf8_bytes(values):
    assert keys(pl.Series(values, dtype=pl.String)).tolist() == expected_keys(values)


@given(strings, st.integers(0, 20), st.integers(0, 20))
def test_a_slice_of_a_column_has_the_keys_of_its_own_rows(values, start, length):
    column = pl.Series(values, dtype=pl.String)[start : start + length]
    assert keys(column).tolist() == expected_keys(values[start : start + length])


@given(strings, strings)
def test_columns_in_several_pieces_have_the_keys_of_their_rows(first, second):
    pieces = [pl.Series(values, dtype=pl.String) for values in (first, second)]
    for rechunk in (False, True):  # the second has one piece, whose strings lie in several buffers
        assert keys(pl.concat(pieces, rechunk=rechunk)).tolist() == expected_keys(first + second)


def test_strings_of_every_length_have_their_keys():
    values = ["é" * (size // 2) + "x" * (size % 2) for size in range(200)]
    assert keys(pl.Series(values)).tolist() == expected_keys(values)


def test_columns_from_other_programs_have_the_keys_of_their_rows():
    values = ["long enough to lie beside its view", None, "short"]
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        column = pl.DataFrame(pa.table({"a": pa.array(values, kind)}))["a"]
        assert keys(column).tolist() == expected_keys(values)


def test_null_has_no_key_and_the_empty_string_has_one():
    nothing, empty = keys(pl.Series([None, ""], dtype=pl.String))
    assert nothing == 0
    assert empty != 0


def test_a_column_without_rows_has_no_keys():
    assert np.array_equal(keys(pl.Series([], dtype=pl.String)), [])
