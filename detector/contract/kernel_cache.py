"""Where compiled kernels are kept.

numba's own cache looks only at the file a kernel stands in, so a kernel would go on with old versions of those it calls
from other files. Ours are folders named by the content of every file with kernels that a group of them is made from
(and all of ``features``, whose kernels take constants from files without any): a change there compiles the group anew.
They lie in ``NUMBA_CACHE_DIR`` if that is set, else in the user's cache folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_GROUPS: Final = {
    "detector.contract": ("detector/contract",),
    "features.text": ("detector/contract", "features"),
    "features": ("detector/contract", "features -text"),
    "": ("detector", "features", "models"),
}
"""Kernels by the beginning of their modules' names, and the folders whose files they are made from."""


def cache_dir(module: str) -> Path:
    """Name the folder for a module's compiled kernels."""
    return _folder_of(next(folders for start, folders in _GROUPS.items() if module.startswith(start)))


@cache
def _folder_of(folders: tuple[str, ...]) -> Path:
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    base = Path(os.environ.get("NUMBA_CACHE_DIR") or caches / "gillnet")
    content = hashlib.blake2b(digest_size=8)
    for path in sorted(path for folder in folders for path in _files(folder)):
        source = path.read_bytes()
        if "features" in path.relative_to(_ROOT).parts or b"contract.jit import" in source:
            content.update(source)
    return base / f"kernels-{content.hexdigest()}"


def _files(folder: str) -> Iterator[Path]:
    name, _, without = folder.partition(" -")
    for path in (_ROOT / name).rglob("*.py"):
        if not without or without not in path.relative_to(_ROOT / name).parts:
            yield path


CACHE_DIR: Final = cache_dir("features")
"""Where most compiled kernels are kept."""
