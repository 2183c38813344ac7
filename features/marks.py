"""The predicates about texts, set in events' bits when their measures are in."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from detector.contract.jit import kernel
from features.columns import SENT
from features.messages import LANGUAGE, TESTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.columns import EventColumns


def mark_texts(columns: EventColumns, predicates: tuple[str, ...]) -> None:
    """Set the bits of those among a plan's predicates that are about texts (`messages.TESTS`)."""
    _mark(columns.words, columns.measures, *_tests(predicates))


@lru_cache
def _tests(predicates: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    asked = [(*TESTS[name], 1 << place) for place, name in enumerate(predicates) if name in TESTS]
    measures, least, bits = zip(*asked, strict=True) if asked else ((), (), ())
    return np.array(measures, np.int64), np.array(least, np.int64), np.array(bits, np.uint64)


@kernel
def _mark(
    words: NDArray[np.int64],
    measures: NDArray[np.int32],
    columns: NDArray[np.int64],
    least: NDArray[np.int64],
    bits: NDArray[np.uint64],
) -> None:
    for row in range(words.shape[0]):
        if measures[row, LANGUAGE] >= 0:
            for k in range(columns.shape[0]):
                if measures[row, columns[k]] >= least[k]:
                    words[row, SENT] |= np.int64(bits[k])
