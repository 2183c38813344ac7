"""Filling features from history: the state the stream would have, had it computed a catalogue all along.

The lake's events go through the stream's own engine in the order they arrived: within a partition that of the topic;
between partitions by the time of arrival, which is as near as the lake knows. Duplicates and late events take part, for
the stream's entities and receiving accounts saw them too, and which events are late depends on the catalogue.
"""

from __future__ import annotations

import glob
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import duckdb
import numpy as np
import polars as pl

from detector import verdicts
from detector.contract.events import EVENT_SCHEMA
from detector.message_groups import MessageGroups
from detector.policy import new_standings
from detector.results import OUTCOMES
from detector.shard_batch import split
from features.details import Tails
from features.entities import SharedEntities
from features.hashing import shard_of
from features.intake import arrive, fill, fill_texts
from features.specialise import specialise
from features.state import AccountFeatures

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from features.intake import Arrived, Reader
    from features.views import Catalogue

BATCH_ROWS: Final = 10_000
_MEMORY: Final = "1GB"
_SWEEP_SLOTS, _SWEEP_SLOTS_A_ROW = 256, 4
_OUTCOMES: Final = pl.Series("outcome", OUTCOMES)
_FIELDS: Final = ", ".join(f'"{name}"' for name in EVENT_SCHEMA if name != "ts")


@dataclass(frozen=True, slots=True)
class Filling:
    """What is to be filled: the features, by how many shards of accounts and of entities, and how time is held."""

    catalogue: Catalogue
    shards: int
    entity_shards: int
    lateness_ms: int
    ttl_ms: int
    idle_ms: int
    """A partition of which nothing arrived for so long is not waited for."""

    @property
    def horizon_ms(self) -> int:
        """How far back events matter: the longest window, or as long as an account is known at all."""
        windows = [f.window_ms for f in self.catalogue.features if f.window_ms is not None]
        return max(*windows, self.ttl_ms, 0) + self.lateness_ms


class Filled:
    """The feature state of all shards, built from batches in order of arrival."""

    def __init__(self, filling: Filling, reader: Reader | None = None) -> None:
        self._reader, self._tails, self._groups = reader, Tails(), MessageGroups()
        self._filling, self._plan = filling, specialise(filling.catalogue).plan
        lateness_ms, ttl_ms = filling.lateness_ms, filling.ttl_ms
        self._accounts = [AccountFeatures(filling.catalogue, lateness_ms, ttl_ms) for _ in range(filling.shards)]
        self._entities = [SharedEntities(lateness_ms) for _ in range(filling.entity_shards)]
        self._partitions: dict[tuple[object, ...], tuple[int, int]] = {}
        self.events = 0
        self.changed = 0
        """Events that came to another outcome than the lake says: none, unless the catalogue or the lake explains."""

    def __len__(self) -> int:
        """Return the number of accounts known."""
        return sum(map(len, self._accounts))

    def process(self, events: pl.DataFrame) -> None:
        """Take a batch as `History.batches` gives it: events, and how and where they arrived."""
        arrived = arrive(events, self._plan, self._reader, self._tails)
        self._count_entities(arrived, self._past_ms(events))
        if arrived.messages is not None:
            fill_texts(arrived.columns, arrived.messages.rows, self._groups.process(arrived.messages))
        for shard, batch in split(arrived, self._filling.shards):
            outcomes = self._accounts[shard].process(batch.columns, batch.roles).outcomes
            self.changed += int((_OUTCOMES[outcomes] != batch.events["outcome"]).sum())
        self.events += len(events)

    def features(self, shard: int) -> dict[str, NDArray[Any]]:
        """Give a shard's features, as `AccountFeatures.restore` takes them."""
        return self._accounts[shard].snapshot()

    def entities(self, shard: int) -> dict[str, NDArray[np.generic]]:
        """Give a shard's entities, as `SharedEntities.restore` takes them."""
        return self._entities[shard].snapshot()

    def accounts(self, shard: int, before: dict[str, NDArray[Any]] | None) -> dict[str, NDArray[Any]]:
        """Give an account shard's state: the features, with the verdicts that a snapshot from before held."""
        return carried(self.features(shard), before)

    def _count_entities(self, arrived: Arrived, past_ms: int) -> None:
        shared = arrived.sharings
        counts = np.empty((len(shared), 2), np.int32)
        shards = shard_of(shared.key, len(self._entities))
        for shard, entities in enumerate(self._entities):
            rows = np.flatnonzero(shards == shard)
            events = shared.row[rows]
            if len(rows):
                counts[rows] = entities.process(
                    shared.key[rows], arrived.columns.account[events], arrived.columns.ts[events]
                )
            entities.sweep(past_ms, _SWEEP_SLOTS + _SWEEP_SLOTS_A_ROW * len(rows))
        if len(shared):
            fill(arrived.columns, shared, counts)

    def _past_ms(self, events: pl.DataFrame) -> int:
        """Say what the stream's watermark was when the batch arrived."""
        newest = events.group_by("deployment", "partition").agg(pl.col("ts").max(), pl.col("arrived_at").max())
        for *partition, ts, arrived_at in newest.iter_rows():
            before = self._partitions.get(tuple(partition), (ts, arrived_at))
            self._partitions[tuple(partition)] = (max(ts, before[0]), max(arrived_at, before[1]))
        now_ms = max(arrived_at for _, arrived_at in self._partitions.values())
        live = [ts for ts, at in self._partitions.values() if at >= now_ms - self._filling.idle_ms]
        return min(*live, now_ms)


def carried(filled: dict[str, NDArray[Any]], before: dict[str, NDArray[Any]] | None) -> dict[str, NDArray[Any]]:
    """Put the verdicts of an account shard's snapshot beside filled features; accounts without features begin blank."""
    known = filled["keys"][:0] if before is None else before["keys"]
    keys = np.concatenate([filled["keys"], known[~np.isin(known, filled["keys"])]])
    order = np.argsort(keys)
    places = order[np.searchsorted(keys, known, sorter=order)]
    standings, flagged = new_standings(len(keys)), verdicts.Flagged()
    if before is not None:
        verdicts.put(standings, flagged, places, before)
    sizes = np.concatenate([filled["sizes"], np.zeros((len(keys) - len(filled["keys"]), 2), np.int32)])
    return {
        **filled,
        "keys": keys,
        "sizes": sizes,
        **verdicts.extract(standings, flagged, np.arange(len(keys))),
    }


class History:
    """The events the lake holds of some deployments (None: of all), from ``horizon_ms`` before the newest on.

    Their days are taken whole. Ordering them may take ``scratch``, a folder that is there, but not more memory.
    """

    def __init__(self, lake_dir: Path, deployments: Collection[str] | None, horizon_ms: int, scratch: Path) -> None:
        self._connection = duckdb.connect(config={"memory_limit": _MEMORY, "temp_directory": str(scratch)})
        days: dict[str, list[Path]] = {}
        for file in (lake_dir / "events").glob("date=*-*-*/*.parquet"):
            if deployments is None or _deployment(file) in deployments:
                days.setdefault(file.parent.name.removeprefix("date="), []).append(file)
        files = [file for of_day in days.values() for file in of_day]
        self.deployments = sorted({_deployment(file) for file in files})
        self._all = files
        self.since = self._since(days[max(days)], horizon_ms) if days else ""
        """The first day taken, as in the folder's name."""
        self._files = [file for day in sorted(days) if day >= self.since for file in sorted(days[day])]
        self.events = self._count(self._files)
        """Events of the days taken."""

    def batches(self) -> Iterator[pl.DataFrame]:
        """Give them in order of arrival, as `Filled.process` takes them."""
        if not self._files:
            return
        query = f"""
            SELECT {_FIELDS}, epoch_ms(ts) AS ts, outcome, arrived_ms AS arrived_at, deployment, "partition"
            FROM (
                SELECT *, epoch_ms(arrived_at) AS arrived_ms, max(arrived_at) OVER (
                    PARTITION BY deployment, "partition" ORDER BY "offset" ROWS UNBOUNDED PRECEDING
                ) AS turn
                FROM (SELECT *, split_part(parse_filename(filename), '.', 1) AS deployment FROM {_rows(self._files)})
            )
            ORDER BY turn, deployment, "partition", "offset"
        """  # noqa: S608  the names of files are quoted
        with self._connection.sql(query).to_arrow_reader(BATCH_ROWS) as reader:
            for batch in reader:
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)
                yield frame.with_columns(pl.col(name).cast(kind) for name, kind in EVENT_SCHEMA.items())

    def held(self, deployment: str) -> int:
        """Count the events a deployment wrote, of all days."""
        return self._count([file for file in self._all if _deployment(file) == deployment])

    def _count(self, files: Sequence[Path]) -> int:
        if not files:
            return 0
        query = f"SELECT count(*) FROM {_rows(files)}"  # noqa: S608  as above
        ((count,),) = self._connection.sql(query).fetchall()
        return int(count)

    def _since(self, newest: Sequence[Path], horizon_ms: int) -> str:
        query = f"SELECT epoch_ms(max(ts)) FROM {_rows(newest)}"  # noqa: S608  as above
        ((newest_ms,),) = self._connection.sql(query).fetchall()
        return datetime.fromtimestamp((newest_ms - horizon_ms) / 1000, UTC).date().isoformat()


def _deployment(file: Path) -> str:
    """Name the deployment that wrote a file; see `flows.lake_plan.LakePlan`."""
    return file.name.partition(".")[0]


def _rows(files: Sequence[Path]) -> str:
    names = ", ".join("'" + glob.escape(str(file.absolute())).replace("'", "''") + "'" for file in files)
    return f"read_parquet([{names}], union_by_name = true, hive_partitioning = false, filename = true)"
