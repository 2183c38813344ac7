"""A person taken out of the lake: their rows go, and where others' rows name them a pseudonym stands instead."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Final

import polars as pl

from detector.contract.durable import write_whole
from detector.lake.staged import SUFFIX, chunk_of, read_epoch, write_epoch
from detector.lake.tables import TABLES
from detector.lake.writer import STAGING

_WITHIN_MIN: Final = 6
"""An id of so many characters is replaced within longer texts too; a shorter one would be found there by chance."""


def erase(lake_dir: Path, account_id: str, pseudonym: str) -> Counter[str]:
    """Rewrite every file that knows an account, each whole or not at all; how many rows went, by table.

    Nobody may be writing to the lake. Done again after a crash, it goes on where it ended; events come last, for what
    the account wrote is read from them.
    """
    went: Counter[str] = Counter()
    clean = Cleaner(account_id, pseudonym, _texts_of(lake_dir, account_id))
    for path in sorted((lake_dir / STAGING).glob(f"*/*{SUFFIX}")):
        went.update(_clean_epoch(path, clean))
    for table in (*(name for name in TABLES if name != "events"), "events"):
        for path in sorted((lake_dir / table).glob("date=*/*.parquet")):
            rows = pl.read_parquet(path, hive_partitioning=False, glob=False)
            kept = clean(rows)
            if not kept.equals(rows):
                _replace(lake_dir, path, kept)
                went[table] += rows.height - kept.height
    return +went


def _replace(lake_dir: Path, path: Path, rows: pl.DataFrame) -> None:
    """Write a file anew under its own name; also without rows it stays, for its name says what was published."""
    scratch = lake_dir / STAGING
    scratch.mkdir(exist_ok=True)
    write_whole(path, scratch, lambda out: rows.write_parquet(out, compression="zstd"))


def _clean_epoch(path: Path, clean: Cleaner) -> Counter[str]:
    """Write a staged epoch anew if it knows the account."""
    went, chunks, knows = Counter[str](), [], False
    for table, rows in read_epoch(path):
        kept = clean(rows)
        knows = knows or not kept.equals(rows)
        went[table] += rows.height - kept.height
        chunks.append(chunk_of(table, kept))
    if knows:
        write_epoch(path, chunks)
    return went


def _texts_of(lake_dir: Path, account_id: str) -> frozenset[str]:
    """Collect what the account wrote, for a campaign's examples are texts without an author."""
    texts: set[str] = set()
    for path in (lake_dir / "events").glob("date=*/*.parquet"):
        rows = pl.read_parquet(path, columns=["account_id", "text"], hive_partitioning=False, glob=False)
        texts.update(rows.filter(pl.col("account_id") == account_id)["text"].drop_nulls())
    return frozenset(texts)


class Cleaner:
    """Takes one account out of the rows of any table."""

    def __init__(self, account_id: str, pseudonym: str, texts: frozenset[str]) -> None:
        self._id, self._pseudonym, self._texts = account_id, pseudonym, sorted(texts)
        quoted = {json.dumps(account_id), json.dumps(account_id, ensure_ascii=False)}
        self._within = dict.fromkeys(quoted, f'"{pseudonym}"')
        if len(account_id) >= _WITHIN_MIN:
            self._within |= {text[1:-1]: pseudonym for text in quoted} | {account_id: pseudonym}

    def __call__(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give the rows that are left, with the pseudonym for the id."""
        kept = rows.filter(self._is_not_theirs(rows.schema))
        columns = {name: self._cleaned(name, dtype) for name, dtype in kept.schema.items()}
        return kept.with_columns(column.alias(name) for name, column in columns.items() if column is not None)

    def _is_not_theirs(self, schema: pl.Schema) -> pl.Expr:
        if schema.get("value") == pl.Binary:  # a dead letter
            named = [pl.col("value").bin.contains(text.encode()) for text in self._within]
            return ~pl.any_horizontal(pl.col("value") == self._id.encode(), *named).fill_null(value=False)
        if "account_id" in schema:
            return pl.col("account_id").ne_missing(self._id)
        return pl.lit(value=True)

    def _cleaned(self, name: str, dtype: pl.DataType) -> pl.Expr | None:
        column = pl.col(name)
        if name == "member_ids":
            return column.list.filter(pl.element() != self._id)
        if name == "examples":
            return column.list.filter(~pl.element().is_in(self._texts)).list.eval(self._named(pl.element()))
        if name == "template":
            return self._named(pl.when(~column.is_in(self._texts)).then(column))
        if dtype == pl.String:
            return self._named(column)
        if dtype == pl.List(pl.String):
            return column.list.eval(self._named(pl.element()))
        if isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct) and name != "reasons":
            return column.list.eval(pl.element().struct.with_fields(self._named(pl.field("value")).alias("value")))
        return None

    def _named(self, text: pl.Expr) -> pl.Expr:
        for found, stands_instead in self._within.items():
            text = text.str.replace_all(found, stands_instead, literal=True)
        return pl.when(text == self._id).then(pl.lit(self._pseudonym)).otherwise(text)
