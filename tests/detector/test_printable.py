"""What strangers wrote can be shown: nothing a terminal obeys is left, and JSON stays the value it was."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.printable import printable, printable_json

OBEYED = {"Cc", "Cf", "Zl", "Zp"}


@given(st.text())
def test_nothing_hidden_is_left(text: str):
    assert not {unicodedata.category(character) for character in printable(text)} & OBEYED


@given(st.text(), st.integers(1, 20))
def test_what_is_shown_is_no_longer_than_it_may_be_before_escaping(text: str, length_max: int):
    shown = printable(text.replace("\\", ""), length_max)
    assert shown == printable(text.replace("\\", "")) or shown.endswith("…")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_stays_the_value_it_was(text: str):
    shown = printable_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(shown) == text


@pytest.mark.parametrize("code", [0x7F, 0x80, 0x9B, 0x200E, 0x2028, 0x202E, 0x2066, 0xFEFF, 0xE0041])
def test_json_hides_no_character_that_is_obeyed(code: int):
    shown = printable_json(json.dumps(chr(code), ensure_ascii=False))
    assert shown.isascii()
    assert shown.isprintable()
