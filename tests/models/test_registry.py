"""The registry says who decides, is changed whole, and can be wound back."""

import json
import threading
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from detector.contract.errors import UsageError
from models import registry
from models.calibration import Platt
from models.folder import Threshold, manifest_of, save
from models.registry import POINTER, add, archive, find, listed, load_version, promote, read_registry, rollback

FEATURES = ("messages_count_1m", "gap_seconds_cv_10m")
STEPS = ("review", "challenge", "limit", "block")
_X = np.random.default_rng(5).normal(size=(300, 2))
_TEXT = lgb.train(
    {"objective": "binary", "verbose": -1, "num_threads": 1}, lgb.Dataset(_X, (_X[:, 0] > 0).astype(float)), 3
).model_to_string()


def model(at: Path, number: int) -> str:
    """Write a model folder; another number is another model."""
    thresholds = {step: Threshold(0.5 + 0.1 * i, 0.01) for i, step in enumerate(STEPS)}
    manifest = manifest_of(_TEXT, FEATURES, FEATURES, Platt(1.0, number / 10), thresholds, {"bots": 7})
    save(at / f"made-{number}", manifest, _TEXT, "# card\n", {"pr.png": b"png"})
    return manifest.version


@pytest.fixture
def three(tmp_path: Path) -> tuple[Path, list[str]]:
    """Make a registry with three models."""
    versions = [model(tmp_path, number) for number in range(3)]
    for number in range(3):
        add(tmp_path / "registry", tmp_path / f"made-{number}", number)
    return tmp_path / "registry", versions


def test_without_a_folder_nobody_was_promoted(tmp_path):
    assert read_registry(tmp_path / "none").champion is None
    assert listed(tmp_path / "none") == []


def test_what_is_added_is_a_challenger_and_a_whole_copy(three, tmp_path):
    folder, versions = three
    assert read_registry(folder).challengers == tuple(versions)
    assert [row.role for row in listed(folder)] == ["challenger"] * 3
    made = {p.relative_to(tmp_path / "made-0"): p.read_bytes() for p in (tmp_path / "made-0").rglob("*.*")}
    kept = {p.relative_to(folder / versions[0]): p.read_bytes() for p in (folder / versions[0]).rglob("*.*")}
    assert made == kept


def test_adding_it_again_changes_nothing(three, tmp_path):
    folder, _ = three
    before = (folder / POINTER).read_bytes()
    add(folder, tmp_path / "made-1", 9)
    assert (folder / POINTER).read_bytes() == before


def test_who_is_promoted_decides_and_the_one_before_is_archived(three):
    folder, (a, b, c) = three
    promote(folder, a, 10)
    promote(folder, b, 11)
    assert {row.manifest.version: row.role for row in listed(folder)} == {
        b: "champion",
        a: "archived",
        c: "challenger",
    }
    assert [(e.at, e.action, e.version) for e in read_registry(folder).history[-2:]] == [
        ("1970-01-01T00:00:00.010Z", "promote", a),
        ("1970-01-01T00:00:00.011Z", "promote", b),
    ]


def test_rollback_goes_back_one_by_one_to_the_model_outside(three):
    folder, (a, b, _) = three
    promote(folder, a, 10)
    promote(folder, b, 11)
    assert [rollback(folder, 12), rollback(folder, 13)] == [a, None]
    with pytest.raises(UsageError, match="nothing was promoted"):
        rollback(folder, 14)


def test_a_challenger_that_is_archived_can_be_promoted_later(three):
    folder, (a, _, _) = three
    archive(folder, a, 10)
    assert read_registry(folder).role(a) == "archived"
    promote(folder, a, 11)
    with pytest.raises(UsageError, match="is the champion"):
        archive(folder, a, 12)


def test_a_model_is_found_by_how_its_version_begins(three):
    folder, (a, *_) = three
    assert find(folder, a[:8]) == a
    for named in ("", "nobody", "../registry"):
        with pytest.raises(UsageError, match="expected a model of the registry"):
            find(folder, named)


@pytest.mark.parametrize("name", ["model.txt", "model.json"])
def test_what_was_changed_after_it_was_added_is_never_promoted(three, name):
    folder, (a, b, _) = three
    promote(folder, a, 10)
    path = folder / b / name
    path.write_text(path.read_text().replace("0.5", "0.6").replace("leaf_value=", "leaf_value=9"))
    with pytest.raises(UsageError, match="expected"):
        promote(folder, b, 11)
    assert read_registry(folder).champion == a


def test_a_model_under_another_models_name_is_refused(three):
    folder, (a, b, _) = three
    (folder / a).rename(folder / "elsewhere")
    (folder / b).rename(folder / a)
    with pytest.raises(UsageError, match=f"expected model {a}"):
        load_version(folder, a)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "gillnet.registry/9"}'])
def test_a_damaged_pointer_is_one_clear_error(three, content):
    folder, _ = three
    (folder / POINTER).write_text(content)
    with pytest.raises(UsageError, match=r"registry\.json: expected"):
        read_registry(folder)


def test_the_pointer_is_plain_json(three):
    folder, (a, *_) = three
    promote(folder, a, 10)
    held = json.loads((folder / POINTER).read_text())
    assert (held["schema"], held["champions"]) == ("gillnet.registry/1", [a])


def test_a_reader_sees_the_old_registry_or_the_new_one_never_a_part(three):
    folder, (a, b, _) = three
    promote(folder, a, 10)
    over, seen = threading.Event(), set()

    def read() -> None:
        while not over.is_set():
            seen.add(read_registry(folder).champion)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(30):
        promote(folder, b, 11)
        rollback(folder, 12)
    over.set()
    reader.join()
    assert seen <= {a, b}
    assert a in seen


def test_changes_made_at_once_are_all_kept(three):
    folder, versions = three
    makers = [threading.Thread(target=archive, args=(folder, version, 20)) for version in versions]
    for each in makers:
        each.start()
    for each in makers:
        each.join()
    assert read_registry(folder).challengers == ()


class Promotions(RuleBasedStateMachine):
    """Whatever is promoted and wound back, the champion is the last of those promoted and not wound back."""

    folder: Path
    versions: tuple[str, ...]

    def __init__(self) -> None:
        super().__init__()
        (self.folder / POINTER).unlink(missing_ok=True)
        self.expected: list[str] = []

    @rule(number=st.integers(0, 2))
    def promoted(self, number: int) -> None:
        version = self.versions[number]
        promote(self.folder, version, 1)
        if self.expected[-1:] != [version]:
            self.expected.append(version)

    @rule()
    def rolled_back(self) -> None:
        if self.expected:
            self.expected.pop()
            rollback(self.folder, 2)

    @invariant()
    def the_champion_is_the_last(self) -> None:
        held = registry.read_registry(self.folder)
        assert list(held.champions) == self.expected
        assert not set(held.challengers) & set(self.expected[-1:])


def test_promotions_and_rollbacks_are_a_stack(three):
    Promotions.folder, versions = three
    Promotions.versions = tuple(versions)
    machine = Promotions.TestCase
    machine.settings = settings(max_examples=10, stateful_step_count=15, deadline=None)
    machine().runTest()
