import pickle

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from flows.packed import Packed

STATES = st.dictionaries(st.text(), arrays.arrays(st.sampled_from(["i8", "u1", "f8"]), st.integers(0, 50)))


@given(STATES)
def test_a_state_comes_back_as_it_was(state: dict[str, np.ndarray]):
    back = pickle.loads(pickle.dumps(Packed(state)))
    assert back.keys() == state.keys()
    for name, array in state.items():
        assert back[name].dtype == array.dtype
        assert np.array_equal(back[name], array, equal_nan=True)


def test_what_is_mostly_zeros_is_small():
    assert len(pickle.dumps(Packed(records=np.zeros(100_000)))) < 10_000


def test_what_comes_back_can_be_kept_again():
    state = Packed(a=np.arange(3), inner={"b": 1})
    twice = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(state))))
    assert twice["a"].tolist() == [0, 1, 2]
    assert twice["inner"] == {"b": 1}
