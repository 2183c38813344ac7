"""The registry: a folder of models, and one small file that says which of them decides and which are compared with it.

``registry.json``   the pointer: a ``Registry``, always written whole, so that who reads it sees the old one or the new
``VERSION/``        a model folder for each version that was ever added; nothing in it changes afterwards

The champion decides. Challengers score in shadow. Every other model is archived: kept, and ready to be promoted again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from detector.contract.durable import make_folder, sync_folder, write_file
from detector.contract.errors import UsageError
from detector.contract.times import rfc3339
from models.folder import MANIFEST, Manifest, load, read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from models.model import Model

SCHEMA: Final = "gillnet.registry/1"
POINTER: Final = "registry.json"
_LOCK: Final = ".lock"

Action = Literal["add", "promote", "rollback", "archive"]
Role = Literal["champion", "challenger", "archived"]


class Entry(msgspec.Struct, frozen=True):
    """One thing that was done: when (RFC 3339), what, and to which version (none: the model outside the registry)."""

    at: str
    action: Action
    version: str | None


class Registry(msgspec.Struct, frozen=True, kw_only=True):
    """Which models have which part."""

    schema: str = SCHEMA
    champions: tuple[str, ...] = ()
    """Versions that decided, each after the one before it; the last decides now, and a rollback takes it off."""
    challengers: tuple[str, ...] = ()
    history: tuple[Entry, ...] = ()

    @property
    def champion(self) -> str | None:
        """The version that decides; None when none was promoted."""
        return self.champions[-1] if self.champions else None

    def role(self, version: str) -> Role:
        """Say what part a version has."""
        if version == self.champion:
            return "champion"
        return "challenger" if version in self.challengers else "archived"

    def noted(self, action: Action, version: str | None, now_ms: int) -> Registry:
        """Return it with something that was done."""
        return msgspec.structs.replace(self, history=(*self.history, Entry(rfc3339(now_ms), action, version)))


class Listed(NamedTuple):
    """A model of the registry, with its part in it."""

    manifest: Manifest
    role: Role


def read_registry(folder: Path) -> Registry:
    """Read the pointer; an empty registry where there is none, UsageError where it is damaged."""
    path = folder / POINTER
    try:
        registry = msgspec.json.decode(path.read_bytes(), type=Registry)
    except (FileNotFoundError, NotADirectoryError):
        return Registry()
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
        msg = f"{path}: expected a registry of models ({SCHEMA}), got {error}; bring it back from a copy"
        raise UsageError(msg) from error
    if registry.schema != SCHEMA:
        raise UsageError(f"{path}: expected schema {SCHEMA}, got {registry.schema[:80]!r}; another version wrote it")
    return registry


def model_path(folder: Path, version: str) -> Path:
    """Say where a version's model folder is."""
    return folder / version


def load_version(folder: Path, version: str) -> Model:
    """Load a version; UsageError if its folder is damaged or is another model's."""
    return load_named(model_path(folder, version), version)


def load_named(path: Path, version: str) -> Model:
    """Load a model that must be the one its name says: the name follows from the content."""
    manifest = read_manifest(path)
    if not version == manifest.version == manifest.named_by_content().version:
        got = manifest.named_by_content().version
        raise UsageError(
            f"{path / MANIFEST}: expected model {version}, got content of {got}; copy the whole folder again"
        )
    return load(path)


def versions_in(folder: Path) -> tuple[str, ...]:
    """Name every version that was added, in the order of their names."""
    return tuple(sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}") if path.parent.name[:1] != "."))


def listed(folder: Path) -> list[Listed]:
    """Describe the models: champion, challengers, then archived ones."""
    registry = read_registry(folder)
    rows = [
        Listed(read_manifest(model_path(folder, version)), registry.role(version)) for version in versions_in(folder)
    ]
    order = ("champion", "challenger", "archived")
    return sorted(rows, key=lambda row: (order.index(row.role), row.manifest.version))


def find(folder: Path, named: str) -> str:
    """Return the one version that is or begins as named; UsageError naming those there are."""
    versions = versions_in(folder)
    if named in versions:
        return named
    found = [version for version in versions if named and version.startswith(named)]
    if len(found) != 1:
        known = ", ".join(versions) or "none; `gillnet models add` brings one in"
        got = "several that begin so" if found else "no such version"
        raise UsageError(f"expected a model of the registry {folder}, got {named!r}: {got}; its models are {known}")
    return found[0]


def add(folder: Path, source: Path, now_ms: int) -> str:
    """Copy a model folder in as a challenger, checked and whole; return its version. One that is in stays as it is."""
    version = load_named(source, read_manifest(source).version).version
    with _changing(folder) as registry:
        if version not in versions_in(folder):
            _copy(source, folder, version)
        if registry.role(version) == "archived":
            added = msgspec.structs.replace(registry, challengers=(*registry.challengers, version))
            _write(folder, added.noted("add", version, now_ms))
    return version


def promote(folder: Path, named: str, now_ms: int) -> str:
    """Let a version decide; the one before is archived, and a rollback brings it back. Return the version."""
    with _changing(folder) as registry:
        version = find(folder, named)
        load_version(folder, version)  # what is damaged is refused here, before a stream has to
        if version != registry.champion:
            promoted = msgspec.structs.replace(
                registry,
                champions=(*registry.champions, version),
                challengers=tuple(other for other in registry.challengers if other != version),
            )
            _write(folder, promoted.noted("promote", version, now_ms))
    return version


def rollback(folder: Path, now_ms: int) -> str | None:
    """Let the champion before this one decide again; return it, None if that is the model outside the registry."""
    with _changing(folder) as registry:
        if not registry.champions:
            raise UsageError(f"expected a champion in the registry {folder}, got none: nothing was promoted")
        back = msgspec.structs.replace(registry, champions=registry.champions[:-1])
        if back.champion is not None:
            load_version(folder, back.champion)
        _write(folder, back.noted("rollback", back.champion, now_ms))
    return back.champion


def archive(folder: Path, named: str, now_ms: int) -> str:
    """Let a challenger score no more; return its version."""
    with _changing(folder) as registry:
        version = find(folder, named)
        if registry.role(version) == "champion":
            raise UsageError(f"{version} is the champion: promote another, or `gillnet models rollback`")
        left = tuple(other for other in registry.challengers if other != version)
        if left != registry.challengers:
            fewer = msgspec.structs.replace(registry, challengers=left)
            _write(folder, fewer.noted("archive", version, now_ms))
    return version


@contextmanager
def _changing(folder: Path) -> Iterator[Registry]:
    """Hold the registry alone while it is changed; readers need not wait."""
    make_folder(folder)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield read_registry(folder)
    finally:
        os.close(descriptor)


def _write(folder: Path, registry: Registry) -> None:
    write_file(folder / POINTER, msgspec.json.format(msgspec.json.encode(registry), indent=2) + b"\n")


def _copy(source: Path, folder: Path, version: str) -> None:
    """Copy a model folder beside its place, then move it there."""
    draft = folder / f".{version}.tmp"
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(source, draft)
    for path in draft.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    place = model_path(folder, version)
    shutil.rmtree(place, ignore_errors=True)  # a folder without a manifest, which nobody knows
    draft.replace(place)
    sync_folder(folder)
