"""Generated examples and the recipe."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.text.column import TextColumn
from features.text.contacts import ContactKind, find_contacts
from features.text.fold import fold
from features.text.lexical import NAMES as MEASURES
from models.categories.classifier import NAMES
from models.categories.examples import Example, generate, restyle
from models.categories.fitting import Table, balanced_weights, label_matrix, threshold_at, unseen_source_scores
from models.categories.grammar import FOLDER, Part, expand, read_grammars
from models.categories.linking import linked
from models.categories.sources import CHANNELS, read_examples
from models.categories.train import Material, table_of, train


class Letters:
    """An encoder of few dimensions: how often some letters occur."""

    model_id = "letters"
    dimensions = 26

    def encode(self, folded: TextColumn) -> np.ndarray:
        rows = [np.bincount([ord(c) - 97 for c in t if "a" <= c <= "z"], minlength=26) for t in folded.strings()]
        counts = np.array(rows, np.float32).reshape(-1, 26)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)


def test_every_category_has_a_grammar_of_known_labels() -> None:
    made = set().union(*(grammar.labels for grammar in read_grammars()))
    assert made == set(NAMES)
    assert any(not grammar.labels for grammar in read_grammars())


def test_every_grammar_belongs_to_a_channel() -> None:
    assert {grammar.name for grammar in read_grammars()} <= set().union(*CHANNELS.values())


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_brackets_of_a_grammar_are_balanced(path: Path) -> None:
    for line in path.read_text("utf-8").splitlines():
        assert line.count("(") == line.count(")"), line
        assert line.count("{") == line.count("}"), line


def test_expanding_leaves_nothing_to_expand() -> None:
    rng = random.Random(0)
    for grammar in read_grammars():
        texts = [expand(grammar, Part.ALL, rng) for _ in range(50)]
        assert all(text and "{" not in text and "|" not in text for text in texts)


def test_held_out_wordings_are_in_no_training_text() -> None:
    for grammar in read_grammars():
        for rule in grammar.rules:
            if rule != "message" and len(grammar.rules[rule]) >= 5:
                kept, learned = (set(grammar.alternatives(rule, part)) for part in (Part.HELD_OUT, Part.TRAINING))
                assert kept
                assert learned
                assert not kept & learned


def test_generating_is_repeatable_and_varied() -> None:
    grammars = read_grammars()
    made = generate(grammars, 40, Part.ALL, 1)
    assert made == generate(grammars, 40, Part.ALL, 1)
    assert len({e.text for e in made}) >= 0.95 * len(made)


def test_unknown_rules_are_named(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("[name]\nAnna\n")
    (tmp_path / "bad.txt").write_text("# labels: spam\n[message]\n{nme}\n")
    with pytest.raises(ValueError, match=r"refers to rule 'nme'; known rules: \['message', 'name'\]"):
        read_grammars(tmp_path)


def test_restyling_keeps_other_scripts_whole() -> None:
    rng = random.Random(0)
    assert {restyle("नमस्ते आप", rng).replace("\n", " ") for _ in range(50)} == {"नमस्ते आप"}


def test_copies_with_links_say_what_their_originals_do() -> None:
    benign, harmful = Example("see you at eight", "a", frozenset()), Example("win now", "b", frozenset({"spam"}))
    made = linked([benign, harmful] * 1_000, random.Random(0))
    for original in (benign, harmful):
        copies = [copy for copy in made if copy.source == original.source]
        assert 0.25 < len(copies) / 1_000 < 0.35
        assert all(copy.labels == original.labels and copy.altered for copy in copies)
        assert all(set(original.text.split()) <= set(copy.text.split()) for copy in copies)
        found = find_contacts(TextColumn.of([copy.text for copy in copies]))
        with_link = np.unique(found.row[found.kind == ContactKind.LINK])
        assert len(with_link) > 0.95 * len(copies)


def test_what_is_altered_is_learned_from_and_not_judged_by() -> None:
    examples = [Example(f"{word} {i}", "chitchat", frozenset()) for i, word in enumerate(["hi", "yes", "no"] * 4)]
    examples += [replace(example, altered=True) for example in examples]
    examples += [Example(f"win cash {i}", "spam_mail", frozenset({"spam"})) for i in range(12)]
    examples += [Example(f"see you {i}", "benign_mail", frozenset()) for i in range(12)]
    table = table_of(examples, Letters())
    judged, scores = unseen_source_scores(table, table.measures, NAMES.index("spam"))
    assert len(scores) == 12
    assert not judged.altered.any()


def test_what_is_open_is_no_negative() -> None:
    (romance,) = [grammar for grammar in read_grammars() if grammar.name == "scam_romance"]
    labels = label_matrix(generate([romance], 1, Part.ALL, 0))[0]
    assert labels[NAMES.index("spam")] == -1
    assert labels[NAMES.index("scam_romance")] == 1
    assert labels[NAMES.index("harassment")] == 0


def test_both_classes_weigh_the_same() -> None:
    truth = np.array([True, False, False, False])
    weights = balanced_weights(np.array(["a", "a", "b", "b"]), truth)
    assert weights[truth].sum() == pytest.approx(weights[~truth].sum())


def test_a_threshold_lets_no_more_than_its_rate_through() -> None:
    scores = np.linspace(0.4, 0.9, 1000)
    sources = np.array(["a", "b"] * 500)
    threshold = threshold_at(scores, sources, 0.05)
    assert 0.04 < (scores >= threshold).mean() <= 0.05


def test_the_recipe_learns_and_repeats_itself(tmp_path: Path) -> None:
    """Letters alone tell little: what matters is that the same seed gives the same model, better than chance."""
    encoder = Letters()
    material = Material.read(encoder, tmp_path, seed=3, each=60)
    model, (figures,) = train(material, encoder.model_id, 3, only=("spam",))
    again, _ = train(material, encoder.model_id, 3, only=("spam",))
    assert np.array_equal(model.vector_weights, again.vector_weights)
    assert model.manifest.encoder_id == "letters"
    assert model.manifest.measures == MEASURES
    assert figures.auc > 0.8


def test_examples_become_rows() -> None:
    examples = generate(read_grammars(), 2, Part.ALL, 0)
    table = table_of(examples, Letters())
    assert isinstance(table, Table)
    assert table.labels.shape == (len(examples), len(NAMES))
    texts = TextColumn.of([examples[0].text])
    assert np.allclose(table.vectors[0], Letters().encode(fold(texts))[0])


def test_sets_that_are_absent_are_left_out(tmp_path: Path) -> None:
    found = {example.source for example in read_examples(tmp_path, 0, each=1)}
    assert "sms_spam" not in found
    assert "python_reference" in found
