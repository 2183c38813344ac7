"""What a message's words and signs count for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.text.column import TextColumn
from features.text.lexical import NAMES, measure_lexical
from features.text.lexicon import GROUPS
from features.text.words import PLACES, add_words, hash_words


def measures(text: str) -> dict[str, float]:
    raw, folded = TextColumn.of([text]), TextColumn.of([text.lower()])
    return dict(zip(NAMES, measure_lexical(raw, folded)[0].tolist(), strict=True))


def count(text: str, name: str) -> int:
    return round(np.expm1(measures(text)[name]))


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("see http://a.example/x or www.b.com", "links", 4),  # the scheme and each dot in a name
        ("costs $5, £6 or 7 €", "currency", 3),
        ("10% off, 20% off", "percents", 2),
        ("mail me@x.org, I am @me there", "addresses", 1),
        ("mail me@x.org, I am @me there", "handles", 1),
        ("call 0712 345 6789 by 5", "long_numbers", 1),
        ("call 0712 345 6789, at 5", "numbers", 2),
        ("in 2015 and 1999.", "long_numbers", 0),
        ("WIN BIG now", "shouted", 2),
        ("what?? no!!!", "repeats", 3),
        ("hot 🔥🔥", "pictographs", 2),
        ("one\ntwo\nthree", "lines", 2),
        ("> quoted\n> text", "quotes", 2),
        ("привет, мир", "characters", 11),
        ("привет, мир", "words", 2),
        ("claim your free prize", "prize_count", 2),
    ],
)
def test_signs_are_counted(text: str, name: str, expected: int) -> None:
    assert count(text, name) == expected


def test_shares_are_of_words_and_letters() -> None:
    found = measures("FREE prize for us")
    assert found["prize_share"] == pytest.approx(2 / 4)
    assert found["capitals"] == pytest.approx(4 / 14)


def test_an_empty_message_measures_nothing() -> None:
    assert set(measures("").values()) == {0.0}


def test_every_group_has_its_words_found() -> None:
    for group, words in GROUPS.items():
        first = words.split()[0]
        assert measures(first)[f"{group}_share"] == 1


def test_raw_and_folded_texts_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="got 2 and 1"):
        measure_lexical(TextColumn.of(["a", "b"]), TextColumn.of(["a"]))


def test_words_are_weighed_by_the_root_of_their_number() -> None:
    texts = TextColumn.of(["win win now", "", "win", "да 1 да"])
    words = hash_words(texts)
    assert np.diff(words.offsets).tolist() == [3, 0, 1, 2]
    assert ((words.places >= 0) & (words.places < PLACES)).all()
    weights = np.zeros((PLACES, 2), np.float32)
    weights[words.places[0]] = [1, 2]
    out = np.ones((4, 2), np.float32)
    add_words(words, weights, out)
    assert np.allclose(out - 1, [[2 / 3**0.5, 4 / 3**0.5], [0, 0], [1, 2], [0, 0]])


@given(st.lists(st.text(max_size=80), max_size=6))
def test_a_message_measures_the_same_in_any_company(texts: list[str]) -> None:
    column = TextColumn.of(texts)
    together = measure_lexical(column, column)
    assert together.shape == (len(texts), len(NAMES))
    assert np.isfinite(together).all()
    for text, row in zip(texts, together, strict=True):
        alone = TextColumn.of([text])
        assert np.array_equal(measure_lexical(alone, alone)[0], row)
