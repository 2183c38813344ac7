"""Files that are complete when they appear, and stay after a power cut."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO


def write_whole(path: Path, scratch: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file under another name in ``scratch``, on the same file system, then move it into place."""
    _write(path, scratch / f"{path.parent.name}-{path.name}.tmp", write)


def write_file(path: Path, content: bytes) -> None:
    """Write a small file, in a folder that is made if it is missing: who reads it sees the old one or the new one."""
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # several processes may write it
    _write(path, draft, lambda out: out.write(content))


def _write(path: Path, draft: Path, write: Callable[[IO[bytes]], object]) -> None:
    with draft.open("wb") as out:
        write(out)
        out.flush()
        os.fsync(out.fileno())
    os.replace(draft, path)  # noqa: PTH105  the tests of crashes stop the writer exactly here
    sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder with its parents, so that their names last too."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)


def remove(path: Path) -> None:
    """Delete a file that may be gone already."""
    path.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Make the names in a folder last."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
