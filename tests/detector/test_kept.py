"""Tables that are kept between starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from detector.contract import kept as kept_module
from detector.contract.kept import kept

if TYPE_CHECKING:
    from pathlib import Path

TABLES = {"letters": np.arange(300, dtype=np.uint16), "kinds": np.ones(3, np.uint32)}


class Made:
    """Counts how often the tables were made."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.times += 1
        return TABLES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder of kernels of its own."""
    monkeypatch.setattr(kept_module, "cache_dir", lambda module: tmp_path / module)
    return tmp_path / "features"


def test_tables_are_made_once_and_read_back_as_they_were(folder: Path) -> None:
    made = Made()
    for _ in range(3):
        found = kept("signs", "features", made, "numpy")
        assert found.keys() == TABLES.keys()
        assert all(np.array_equal(found[name], TABLES[name]) and found[name].flags.writeable for name in TABLES)
        assert [found[name].dtype for name in TABLES] == [np.uint16, np.uint32]
    assert made.times == 1
    assert [path.suffix for path in folder.iterdir()] == [".npz"]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 and no more", b"not an archive"])
def test_a_damaged_file_is_made_anew(folder: Path, damage: bytes) -> None:
    made = Made()
    kept("signs", "features", made)
    next(folder.iterdir()).write_bytes(damage)
    assert np.array_equal(kept("signs", "features", made)["letters"], TABLES["letters"])
    kept("signs", "features", made)
    assert made.times == 2


def test_another_version_of_a_package_has_tables_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made()
    kept("signs", "features", made, "numpy")
    monkeypatch.setattr(kept_module, "version", lambda _: "0.0.0")
    kept("signs", "features", made, "numpy")
    assert made.times == len(list(folder.iterdir())) == 2


def test_where_nothing_can_be_kept_tables_are_made_each_time(folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    made = Made()
    for _ in range(2):
        assert np.array_equal(kept("signs", "features", made)["kinds"], TABLES["kinds"])
    assert made.times == 2
