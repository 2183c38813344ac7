"""Vectors on disk are read as an array in memory is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.contract.errors import GillnetError
from models.vector_file import VectorFile, pieces

PUTS = st.lists(st.lists(st.integers(0, 40), max_size=12, unique=True), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(puts=PUTS, seed=st.integers(0, 99))
def test_what_is_put_where_is_read_from_there(puts: list[list[int]], seed: int):
    rng = np.random.default_rng(seed)
    file, array = VectorFile(3), np.zeros((41, 3))
    for rows in puts:
        values = rng.normal(size=(len(rows), 3))
        file.put(np.array(rows, np.int64), values)
        array[rows] = values
    count = max((row + 1 for rows in puts for row in rows), default=0)
    assert file.shape == (count, 3)
    if count:
        chosen = rng.integers(0, count, 20)
        assert np.array_equal(file[chosen], array[chosen])
        assert np.array_equal(file[: count // 2 + 1], array[: count // 2 + 1])
        assert np.array_equal(file[np.arange(count) % 2 == 0], array[:count][::2])
        assert np.array_equal(file[count - 1], array[count - 1])
        assert np.array_equal(file.ordered(chosen).select([2, 0])[:], array[chosen][:, [2, 0]])


def test_a_copy_with_some_columns_stays_when_the_rest_is_let_go():
    file = VectorFile(2)
    file.append(np.array([[1.0, 2.0], [3.0, 4.0]]))
    second = file.select([1])
    del file
    assert second[:].tolist() == [[2.0], [4.0]]
    assert [piece.tolist() for piece in pieces(second, np.array([1]))] == [[[4.0]]]


@pytest.mark.parametrize("rows", [1, np.int64(1), slice(2), np.array([0, 1]), np.array([True, False])])
def test_what_was_read_may_be_changed_and_the_file_stays(rows: Any):
    file = VectorFile(2)
    file.append(np.array([[1.0, 2.0], [3.0, 4.0]]))
    read = file[rows]
    read[...] = 0
    assert file[:].tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_a_full_disk_is_said():
    with Path("/dev/full").open("r+b", buffering=0) as full:
        file = VectorFile(1, full)
        with pytest.raises(GillnetError, match=r"No space left on device.*TMPDIR"):
            file.append(np.ones((1, 1)))
