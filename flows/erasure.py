"""A person taken out of a stopped deployment: out of its state and its lake, with a note that names nobody."""

from __future__ import annotations

import hmac
import os
import secrets
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import polars as pl

from detector.contract.durable import remove, sync_folder
from detector.contract.times import rfc3339
from detector.lake.erase import erase as erase_from_lake
from features.hashing import keys, shard_of
from flows.accounts import empty_shard
from flows.checkpoints import Checkpoints
from flows.recovery import forget_unfinished, source_partitions
from flows.state import Deployment, checkpoints_dir, locked, read_deployment, recovery_dir
from flows.stream import FLOW
from flows.visit import Visits, visit

if TYPE_CHECKING:
    from pathlib import Path

    from detector.settings import Settings
    from flows.shards import ShardState

_PSEUDONYM_DIGITS: Final = 24


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """The note of an erasure: it holds no personal data, and tells whoever has the key that it was done."""

    schema: str = "gillnet.erasure/1"
    pseudonym: str
    erased_at: str
    known_to_state: bool
    lake_rows: dict[str, int]


def erase(settings: Settings, account_id: str) -> Erased:
    """Erase an account; nothing may be running. Done again after a crash, it goes on where it ended."""
    with locked(settings.state_dir):
        key = settings.erasure_key.encode() if settings.erasure_key else _own_key(settings.state_dir)
        pseudonym = pseudonym_of(key, account_id)
        known = _erase_from_state(settings, account_id)
        rows = erase_from_lake(settings.lake_dir, account_id, pseudonym)
        now_ms = time.time_ns() // 1_000_000
        erased = Erased(pseudonym=pseudonym, erased_at=rfc3339(now_ms), known_to_state=known, lake_rows=dict(rows))
        with (settings.state_dir / "erased.jsonl").open("ab") as notes:
            notes.write(msgspec.json.encode(erased) + b"\n")
            notes.flush()
            os.fsync(notes.fileno())
    return erased


def pseudonym_of(key: bytes, account_id: str) -> str:
    """Name an account so that only who has the key can tell whom (HMAC-SHA-256, 96 bits of it)."""
    return f"erased-{hmac.new(key, account_id.encode(), sha256).hexdigest()[:_PSEUDONYM_DIGITS]}"


def _own_key(state_dir: Path) -> bytes:
    """Read the key in the state folder, where it is made when first needed."""
    path = state_dir / "erasure.key"
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_hex(32))
            out.flush()
            os.fsync(out.fileno())
    return path.read_bytes()


def _erase_from_state(settings: Settings, account_id: str) -> bool:
    deployment = read_deployment(settings)
    if deployment is None:
        return False
    forget_unfinished(recovery_dir(settings))
    partitions = source_partitions(recovery_dir(settings), f"{FLOW}.events")
    if partitions == 0:
        return False
    accounts = Checkpoints(checkpoints_dir(settings), "accounts")
    own = int(shard_of(keys(pl.Series([account_id])), deployment.shards)[0])
    found: list[bool] = []

    def without(number: int, state: ShardState | None) -> ShardState | None:
        if state is None or number != own:
            return state
        shard = empty_shard(settings)
        for told in accounts.read(number, state["place"]):
            shard.apply(told)
        found.append(shard.erase(account_id))
        return {**state, "place": accounts.begin_anew(number, shard.snapshot(), state["place"])}

    # Groups of near duplicates hold texts without an author: they begin anew, for nobody can say which are whose.
    visit(recovery_dir(settings), deployment, partitions, Visits(accounts=without, texts=lambda _, __: None))
    _delete_what_is_replaced(settings, deployment, partitions, own)
    return any(found)


def _delete_what_is_replaced(settings: Settings, deployment: Deployment, partitions: int, own: int) -> None:
    """Delete the files that the state no longer needs; the next start would, but it may be far off."""
    kept: dict[int, int] = {}

    def note(number: int, state: ShardState | None) -> ShardState | None:
        if state is not None:
            kept[number] = state["place"]["first"]
        return state

    visit(recovery_dir(settings), deployment, partitions, Visits(accounts=note))
    folder_ = checkpoints_dir(settings)
    for path in [*folder_.glob(f"accounts-{own:04d}.*"), *folder_.glob("texts-*")]:
        if path.name.startswith("texts-") or int(path.suffix[1:]) < kept.get(own, np.iinfo(np.int64).max):
            remove(path)
    if folder_.exists():
        sync_folder(folder_)
