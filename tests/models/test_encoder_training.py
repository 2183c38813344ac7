"""The recipe's parts do what they say; the whole of it needs packages that are not installed here."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.encoder.corpus import _exchanged, held_out, training_texts
from models.encoder.distil import DIMENSIONS, Lesson, _thinned, basis_of, first_rows
from models.encoder.evaluation import agreement, recall_of_edits, shortened
from models.encoder.vocabulary import pieces_of, tokenizer_with, whole_words

bags = st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=9), min_size=1, max_size=12)


def unit(rows: int, size: int, seed: int = 0) -> np.ndarray:
    return shortened(np.random.default_rng(seed).normal(size=(rows, size)).astype(np.float32), size)


@given(bags, st.data())
def test_a_lesson_gives_the_pieces_of_the_texts_asked_for(texts: list[list[int]], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1))
    ids, owners = Lesson.of(texts, unit(len(texts), 4)).pieces(np.array(rows))
    assert ids.tolist() == [piece for row in rows for piece in texts[row]]
    assert owners.tolist() == [i for i, row in enumerate(rows) for _ in texts[row]]


@given(bags, st.integers(0, 9))
def test_thinning_drops_pieces_of_long_texts_only_and_keeps_their_order(texts: list[list[int]], seed: int) -> None:
    ids, owners = Lesson.of(texts, unit(len(texts), 4)).pieces(np.arange(len(texts)))
    kept, first = _thinned(ids, owners, np.random.default_rng(seed))
    parts = np.split(kept, first[1:])
    for text, part in zip(texts, parts, strict=True):
        assert len(text) >= 5 or part.tolist() == text
        rest = iter(text)
        assert all(piece in rest for piece in part.tolist())


def test_the_basis_keeps_most_and_the_first_rows_point_the_right_way() -> None:
    rng = np.random.default_rng(0)
    alone = unit(400, DIMENSIONS + 30)
    texts = [rng.integers(0, 400, 6).tolist() for _ in range(900)]
    vectors = shortened(np.array([alone[text].sum(axis=0) for text in texts]), DIMENSIONS + 30)
    basis = basis_of(vectors)
    np.testing.assert_allclose(basis.T @ basis, np.eye(DIMENSIONS), atol=1e-4)
    kept = ((vectors @ basis) ** 2).sum(axis=0)
    assert (np.diff(kept) <= 1e-3).all()
    rows = first_rows(alone, Lesson.of(texts, vectors), basis)
    ours = shortened(np.array([rows[text].sum(axis=0) for text in texts]), DIMENSIONS)
    assert np.einsum("ij,ij->i", ours, shortened(vectors @ basis, DIMENSIONS)).mean() > 0.8


def test_words_are_exchanged_and_the_rest_stays() -> None:
    changed = _exchanged("we are going to the cinema", ["lawful", "nape"], np.random.default_rng(0)).split()
    assert len(changed) == 6
    assert {"lawful", "nape"} < set(changed)
    assert changed[:2] == ["we", "are"]


def test_a_fifth_of_texts_is_held_out_whatever_their_case() -> None:
    texts = [f"message {i}" for i in range(2000)]
    assert 0.15 < np.mean([held_out(text) for text in texts]) < 0.23
    assert all(held_out(text) == held_out(f" {text.upper()} ") for text in texts)


def test_a_model_agrees_with_itself_and_not_with_another() -> None:
    ours = unit(300, 32)
    same = agreement(ours, ours, np.random.default_rng(0))
    assert same["pearson"] > 0.999
    assert same["mean_absolute_difference"] < 1e-6
    assert agreement(unit(300, 32, seed=1), ours, np.random.default_rng(0))["spearman"] < 0.2


def test_edited_copies_are_found_by_a_bag_of_words() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(f"word{int(k)}" for k in rng.integers(0, 500, 8)) for _ in range(200)]

    def bag(some: list[str]) -> np.ndarray:
        out = np.zeros((len(some), 997), np.float32)
        for row, text in zip(out, some, strict=True):
            for word in text.split():
                row[sum(word.encode()) * 31 % 997] += 1
        return out

    assert recall_of_edits(bag, texts, rng)["two words swapped"] > 0.95


def test_the_pieces_are_minilms_without_its_signs(tmp_path: Path) -> None:
    source = tmp_path / "tokenizer.json"
    vocabulary = {"[PAD]": 0, "[unused0]": 1, "[UNK]": 2, "[CLS]": 3, "[": 4, "the": 5, "hello": 6, "##ing": 7}
    described = {"model": {"type": "WordPiece", "vocab": vocabulary}, "padding": {"strategy": "fixed"}}
    source.write_text(json.dumps(described))
    pieces, old = pieces_of(source)
    assert pieces == ["[UNK]", "[", "the", "hello", "##ing"]
    assert old == [2, 4, 5, 6, 7]
    assert whole_words(pieces) == ["hello"]
    tokenizer = tokenizer_with(pieces, source)
    assert tokenizer["model"]["vocab"] == {piece: i for i, piece in enumerate(pieces)}
    assert tokenizer["added_tokens"] == []
    assert tokenizer["padding"] is None


def test_training_texts_are_the_same_at_every_run() -> None:
    pytest.importorskip("chitchat_dataset")
    first, again = (training_texts(["lawful", "nape"], 50, np.random.default_rng(3)) for _ in range(2))
    assert first == again
    assert not any(held_out(text) for text in first[:30])
