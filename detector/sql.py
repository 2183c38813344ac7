"""DuckDB over the lake: a view per table, nothing but the lake within reach, nothing written.

The views are ordinary ones (``gillnet sql --views`` prints them), so plain ``duckdb`` gives the same rows.
"""

from __future__ import annotations

import glob
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb
import polars as pl
import pyarrow as pa
from pydantic import ByteSize, TypeAdapter

from detector.contract.errors import GillnetError, UsageError
from detector.lake.tables import TABLES

if TYPE_CHECKING:
    from polars._typing import PolarsDataType

BATCH_ROWS: Final = 10_000
Parameters = Sequence[object] | Mapping[str, object]
"""Values for the question marks of a query, or by name for its ``$name``."""

_ACCOUNTS: Final = """
WITH activity AS (
  SELECT account_id, count(*) AS events, min(ts) AS first_seen, max(ts) AS last_seen
  FROM events WHERE outcome IS DISTINCT FROM 'duplicate' GROUP BY account_id
), latest_score AS (
  SELECT account_id, arg_max(score, ts) AS score, max(score) AS score_max FROM scores GROUP BY account_id
), latest_decision AS (
  SELECT *, count(*) OVER (PARTITION BY account_id) AS decisions FROM decisions
  QUALIFY row_number() OVER (PARTITION BY account_id ORDER BY event_ts DESC, decided_at DESC) = 1
), latest_label AS (
  SELECT account_id, arg_max(label, coalesce(labelled_at, TIMESTAMPTZ '-infinity')) AS label
  FROM labels GROUP BY account_id
)
SELECT account_id, coalesce(d.verdict, 'allow') AS verdict, coalesce(s.score, d.score) AS score, s.score_max,
  coalesce(a.events, 0) AS events, coalesce(d.decisions, 0) AS decisions, a.first_seen, a.last_seen,
  d.event_ts AS judged_at, d.expires_at, coalesce(d.shadow, false) AS shadow, d.campaign_id, l.label, d.reasons
FROM activity a FULL JOIN latest_score s USING (account_id) FULL JOIN latest_decision d USING (account_id)
LEFT JOIN latest_label l USING (account_id)
""".strip()

_FLAGGED: Final = """
SELECT account_id, verdict, score, events, list_transform(reasons, lambda reason: reason.text) AS reasons,
  judged_at, expires_at, shadow, label
FROM accounts WHERE verdict <> 'allow'
ORDER BY list_position(['block', 'limit', 'challenge', 'review'], verdict), score DESC, account_id
""".strip()

_ANALYST_VIEWS: Final = {"accounts": _ACCOUNTS, "flagged": _FLAGGED}
_ACCOUNT_TABLES: Final = ("events", "scores", "decisions", "labels")
_READS: Final = {"accounts": _ACCOUNT_TABLES, "flagged": (*_ACCOUNT_TABLES, "accounts")}
_LISTS_VIEWS: Final = frozenset({"show", "information_schema", "duckdb_views", "duckdb_columns", "duckdb_tables"})

_NAMES: Final[dict[PolarsDataType, str]] = {
    pl.String(): "VARCHAR",
    pl.Int8(): "TINYINT",
    pl.Int32(): "INTEGER",
    pl.Int64(): "BIGINT",
    pl.Float64(): "DOUBLE",
    pl.Boolean(): "BOOLEAN",
    pl.Binary(): "BLOB",
}

_READING: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_EXPLAIN: Final = re.compile(r"\s*explain\s+(?:analyze\s+)?(?P<query>.*)", re.IGNORECASE | re.DOTALL)
_WRONG: Final = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a query may take before it is stopped."""

    memory: str = "2GB"
    threads: int | None = None
    seconds: float | None = 300.0


class Lake:
    """A lake opened for questions: in-memory DuckDB that reaches the lake's files and nothing else."""

    def __init__(self, lake_dir: Path, limits: Limits | None = None) -> None:
        if not any((lake_dir / table).is_dir() for table in TABLES):
            raise UsageError(
                f"no lake in {str(lake_dir)!r}: `gillnet demo` and `gillnet run` write one; "
                "--lake-dir or the setting lake_dir names it"
            )
        self._lake_dir = lake_dir.absolute()
        self._limits = limits or Limits()
        self._views: dict[str, str] = {}
        self._connection = _sandbox(self._lake_dir, self._limits)

    @contextmanager
    def ask(self, query: str, parameters: Parameters = ()) -> Iterator[pa.RecordBatchReader]:
        """Run one query that reads, and give its result batch by batch; it is stopped when its time is over."""
        self._check(query)
        over = threading.Event()
        with self._timer(over), self._plain_errors(over):
            self._make_views(query)
            relation = self._connection.sql(query, params=parameters)
            with relation.to_arrow_reader(BATCH_ROWS) as reader:
                yield reader

    @property
    def memory_bytes(self) -> int:
        """Bytes of memory that DuckDB was given."""
        ((size,),) = self._connection.execute("SELECT current_setting('memory_limit')").fetchall()
        return TypeAdapter(ByteSize).validate_python(size)

    def rows(self, query: str, parameters: Parameters = ()) -> list[dict[str, Any]]:
        """Answer with all rows at once."""
        with self.ask(query, parameters) as result:
            return [row for batch in result for row in batch.to_pylist()]

    def frame(self, query: str, parameters: Parameters = ()) -> pl.DataFrame:
        """Answer with a polars frame."""
        with self.ask(query, parameters) as result:
            frame = pl.from_arrow(result.read_all())
        assert isinstance(frame, pl.DataFrame)
        return frame

    def _make_views(self, query: str) -> None:
        """Make the views a query names, and again those whose files have come since.

        Each costs a look at the end of every file of its table, so the others are left out.
        """
        words = set(re.findall(r"\w+", query.lower()))
        needed = words | {table for view, tables in _READS.items() if view in words for table in tables}
        for name in view_names():
            if name not in needed and words.isdisjoint(_LISTS_VIEWS):
                continue
            statement = view_statement(self._lake_dir, name)
            if self._views.get(name) != statement or name == "vectors":
                self._connection.execute(statement).fetchall()
                self._views[name] = statement

    def _check(self, query: str) -> None:
        if not query.isprintable() and any(ord(c) < 9 or 0xD800 <= ord(c) < 0xE000 for c in query):
            raise UsageError("expected a query in plain text, got one with unprintable characters")
        with self._plain_errors(threading.Event()):
            statements = self._connection.extract_statements(query)
        if len(statements) != 1:
            raise UsageError(f"expected one query, got {len(statements)}")
        text = statements[0].query
        if statements[0].type == duckdb.StatementType.EXPLAIN:
            inner = _EXPLAIN.fullmatch(text)
            text = inner["query"] if inner else text
        if not self._only_reads(text):
            raise UsageError(
                "expected a query that only reads (SELECT, FROM, WITH, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN); "
                "the lake is read-only here"
            )

    def _only_reads(self, query: str) -> bool:
        """Ask DuckDB's own parser: a COPY or INSERT may hide in a WITH."""
        ((tree,),) = self._connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
        return '"error":false' in tree and set(re.findall(r'"type":"(\w+_NODE)"', tree)) <= _READING

    @contextmanager
    def _timer(self, over: threading.Event) -> Iterator[None]:
        def stop() -> None:
            over.set()
            self._connection.interrupt()

        timer = threading.Timer(self._limits.seconds or threading.TIMEOUT_MAX, stop)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()  # a thread left over at exit ends in DuckDB's destructors

    @contextmanager
    def _plain_errors(self, over: threading.Event) -> Iterator[None]:
        try:
            yield
        except duckdb.PermissionException as error:
            raise UsageError(f"only the lake's own files can be read: {_plain(error)}") from error
        except _WRONG as error:
            raise UsageError(_plain(error)) from error
        except duckdb.InterruptException as error:
            if not over.is_set():
                raise KeyboardInterrupt from error
            raise self._overtime() from error
        except BrokenPipeError:
            raise
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            if over.is_set():
                raise self._overtime() from error
            raise GillnetError(_plain(error)) from error
        except OverflowError as error:
            raise GillnetError(f"a value of the answer has no equal here ({error}): cast it to text") from error

    def _overtime(self) -> GillnetError:
        hint = "narrow it (WHERE date = …) or raise --timeout"
        return GillnetError(f"the query took more than {self._limits.seconds:g} s: {hint}")


def view_statement(lake_dir: Path, name: str) -> str:
    """Say in SQL what a view is; plain ``duckdb`` runs the same statement."""
    query = _ANALYST_VIEWS[name] if name in _ANALYST_VIEWS else _table_query(lake_dir, name)
    return f"CREATE OR REPLACE VIEW {name} AS {query};"


def view_names() -> tuple[str, ...]:
    """Name the views, tables first."""
    return (*TABLES, *_ANALYST_VIEWS)


def _table_query(lake_dir: Path, name: str) -> str:
    if next((lake_dir / name).glob("date=*/*.parquet"), None) is not None:
        pattern = _quoted(f"{glob.escape(str(lake_dir))}/{name}/*/*.parquet")
        options = "hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true"
        return f"SELECT * FROM read_parquet({pattern}, {options})"  # noqa: S608  the pattern is quoted
    columns = [f'NULL::{_sql_type(dtype)} AS "{column}"' for column, dtype in TABLES[name].schema.items()]
    return f"SELECT {', '.join(columns)}, NULL::DATE AS date WHERE false"


def _sql_type(dtype: PolarsDataType) -> str:
    if isinstance(dtype, pl.Datetime):
        return "TIMESTAMP WITH TIME ZONE"
    if isinstance(dtype, pl.List):
        return f"{_sql_type(dtype.inner)}[]"
    if isinstance(dtype, pl.Struct):
        fields = (f'"{field.name}" {_sql_type(field.dtype)}' for field in dtype.fields)
        return f"STRUCT({', '.join(fields)})"
    return _NAMES[dtype]


def _sandbox(lake_dir: Path, limits: Limits) -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",  # else FROM finds this program's own variables
        "temp_directory": "",  # spilling would write
        "memory_limit": limits.memory,
    }
    if limits.threads:
        config["threads"] = str(limits.threads)
    try:
        connection = duckdb.connect(":memory:", config=config)
    except duckdb.ParserException as error:
        raise UsageError(f"expected a memory limit such as 2GB, got {limits.memory!r}") from error
    # A pattern is checked as it is written, a file as it is named: both forms of the folder are needed.
    folders = {str(lake_dir), glob.escape(str(lake_dir))}
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET allowed_directories = [{', '.join(map(_quoted, sorted(folders)))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _plain(error: Exception) -> str:
    """Say DuckDB's error in one line, without the query and the arrow below it."""
    lines = [line.strip() for line in str(error).splitlines()]
    until = next((n for n, line in enumerate(lines) if line.startswith("LINE ")), len(lines))
    return "; ".join(line for line in lines[:until] if line)
