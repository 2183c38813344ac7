"""``gillnet sql``."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from detector.cli.console import OUT, progress
from detector.contract.errors import GillnetError, UsageError
from detector.memory import ceiling
from detector.printable import printable, printable_json
from detector.settings import load_settings
from detector.sql import BATCH_ROWS, Lake, Limits, view_names, view_statement

if TYPE_CHECKING:
    import pyarrow as pa

CELL_CHARACTERS: Final = 60
OWN_BYTES: Final = 512 << 20
"""What printing and writing an answer may take, besides the query."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_JSON: Final = msgspec.json.Encoder(enc_hook=str, decimal_format="number")

EXAMPLE = """
Examples:
  gillnet sql "SELECT verdict, count(*) FROM accounts GROUP BY verdict"
  gillnet sql "FROM flagged" --output flagged.csv
  gillnet sql            # a prompt; .help lists what it knows
  gillnet sql --views > lake.sql && duckdb -init lake.sql
"""

PROMPT_HELP = """\
A query ends with a semicolon and may take several lines. Only queries that read are run.
  .tables, \\d         list the views
  .schema V, \\d V     show a view's columns
  .limit N            show up to N rows
  .quit, \\q, Ctrl-D   leave"""


def sql(
    query: Annotated[str | None, typer.Argument(help="What to ask.  [default: open a prompt]")] = None,
    lake_dir: Annotated[Path | None, typer.Option(help="The lake's folder.  [default: the setting lake_dir]")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows a table shows.")] = 40,
    output: Annotated[Path | None, typer.Option(help="Write all rows to a .parquet or .csv file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print all rows as one JSON array.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all rows as CSV.")] = False,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds a query may take.")] = 300.0,
    memory: Annotated[str, typer.Option(help="Memory a query may take.")] = "2GB",
    views: Annotated[bool, typer.Option("--views", help="Print the views as SQL for plain DuckDB.")] = False,
) -> None:
    """Ask the lake anything, in DuckDB's SQL.

    Views: events, decisions, scores, shadow_scores, contacts, escalations, vectors, labels, dead_letters,
    campaigns; accounts has a row for each account with its latest verdict, flagged those that are not
    allowed. Only reading is possible, and only the lake. A query with a mistake exits 2, one that fails or
    takes too long 1.
    """
    folder = load_settings(lake_dir=lake_dir).lake_dir
    if json + as_csv + (output is not None) > 1:
        raise UsageError("expected one of --json, --csv and --output")
    if views:
        sys.stdout.writelines(f"{view_statement(folder.absolute(), name)}\n" for name in view_names())
        return
    if query is None and (json or as_csv or output is not None):
        raise UsageError("expected a query with --json, --csv or --output")
    lake = Lake(folder, Limits(memory=memory, seconds=timeout))
    # DuckDB does not count the texts a query makes (`repeat`): the process itself is bounded too.
    with ceiling(2 * lake.memory_bytes + OWN_BYTES):
        if query is None:
            _prompt(lake, limit)
            return
        with lake.ask(query) as result:
            _write(result, output, json, as_csv, limit)


def _write(result: pa.RecordBatchReader, output: Path | None, json: bool, as_csv: bool, limit: int) -> None:
    if output is not None:
        _save(result, output)
    elif json:
        _print_json(result)
    elif as_csv:
        _print_csv(result)
    else:
        _print_table(result, limit)


def _rows(result: pa.RecordBatchReader) -> Iterator[dict[str, Any]]:
    for batch in result:
        # A struct keeps columns of one name apart no better than a dict: DuckDB names them apart already.
        yield from batch.to_pylist()


def _save(result: pa.RecordBatchReader, output: Path) -> None:
    if output.suffix not in (".parquet", ".csv"):
        raise UsageError(f"expected --output to end in .parquet or .csv, got {output.name!r}")
    draft = output.with_name(f"{output.name}.tmp")
    with progress("Writing") as advance:
        count = _save_parquet(result, draft, advance) if output.suffix == ".parquet" else _save_csv(result, draft)
    draft.replace(output)
    OUT.print(f"{count} rows in {output}")


def _save_parquet(result: pa.RecordBatchReader, path: Path, advance: Any) -> int:  # noqa: ANN401 -- a callback
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = 0
    with pq.ParquetWriter(path, result.schema, compression="zstd") as writer:
        for batch in result:
            writer.write_table(pa.Table.from_batches([batch]), row_group_size=BATCH_ROWS)
            count += batch.num_rows
            advance(count, None)
    return count


def _save_csv(result: pa.RecordBatchReader, path: Path) -> int:
    with path.open("w", newline="", encoding="utf-8") as file:
        return _csv(result, file)


def _print_csv(result: pa.RecordBatchReader) -> None:
    if not OUT.is_terminal:
        _csv(result, sys.stdout)
        return
    shown = io.StringIO()
    _csv(result, shown)
    sys.stdout.writelines(printable(line) + "\n" for line in shown.getvalue().splitlines())


def _csv(result: pa.RecordBatchReader, file: Any) -> int:  # noqa: ANN401 -- a text file
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(result.schema.names)
    count = 0
    for count, row in enumerate(_rows(result), start=1):  # noqa: B007 -- the count of all is the answer
        writer.writerow(_csv_cell(value) for value in row.values())
    return count


def _csv_cell(value: object) -> str:
    """Write a value for CSV; a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if value is None:
        return ""
    text = _words(value)
    return f"'{text}" if isinstance(value, str | bytes) and text.startswith(_FORMULA) else text


def _print_json(result: pa.RecordBatchReader) -> None:
    separator = "["
    for row in _rows(result):
        sys.stdout.write(separator + printable_json(_JSON.encode(row).decode()))
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[" else "]\n")


def _print_table(result: pa.RecordBatchReader, limit: int) -> None:
    rows = list(islice(_rows(result), limit + 1))
    names = result.schema.names
    cells = [[_cell(value) for value in row.values()] for row in rows[:limit]]
    shown = _columns_that_fit(names, cells)
    table = Table()
    for name in names[:shown]:
        table.add_column(Text(printable(name)), overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row[:shown]))
    OUT.print(table, soft_wrap=False, crop=False)
    _print_remarks(len(rows), limit, shown, len(names))


def _print_remarks(rows: int, limit: int, shown: int, columns: int) -> None:
    remarks = [f"first {limit} rows (--limit shows more)" if rows > limit else f"{rows} row{'s' * (rows != 1)}"]
    if shown < columns:
        remarks.append(f"{shown} of {columns} columns (name some, or use --json)")
    OUT.print("; ".join(remarks))


def _columns_that_fit(names: list[str], cells: list[list[str]]) -> int:
    if not OUT.is_terminal:
        return len(names)
    room = OUT.width - 1
    for shown, name in enumerate(names):
        room -= 3 + max([len(name), *(len(row[shown]) for row in cells)])
        if room < 0:
            return max(shown, 1)
    return len(names)


def _cell(value: object) -> str:
    return "" if value is None else printable(_words(value), CELL_CHARACTERS)


def _words(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    text = _JSON.encode(value).decode()
    return text.strip('"') if text.startswith('"') else text


def _prompt(lake: Lake, limit: int) -> None:
    if sys.stdin.isatty():
        import readline

        readline.set_history_length(1000)
        OUT.print("The lake, read-only. .help lists commands, .quit leaves.")
    pending = ""
    while (line := _line("lake> " if not pending else "  ... ")) is not None:
        command = line.strip()
        if not pending and command.startswith((".", "\\")):
            if command in (".quit", ".exit", "\\q"):
                return
            limit = _obey(lake, command, limit)
            continue
        pending = f"{pending}\n{line}".strip()
        if pending.endswith(";"):
            _answer(lake, pending, limit)
            pending = ""
    if pending:
        _answer(lake, pending, limit)


def _line(prompt: str) -> str | None:
    try:
        return input(prompt if sys.stdin.isatty() else "")
    except EOFError:
        return None


def _obey(lake: Lake, command: str, limit: int) -> int:
    name, _, argument = command.partition(" ")
    if name in (".tables", "\\d", ".schema") and argument:
        _answer(lake, f"DESCRIBE {argument.strip()}", limit=1000)
    elif name in (".tables", "\\d", ".schema"):
        OUT.print("  ".join(view_names()))
    elif name == ".limit" and argument.strip().isdecimal() and int(argument) > 0:
        return int(argument)
    else:
        OUT.print(PROMPT_HELP)
    return limit


def _answer(lake: Lake, query: str, limit: int) -> None:
    try:
        with lake.ask(query) as result:
            _print_table(result, limit)
    except GillnetError as error:
        sys.stderr.write(f"error: {printable(str(error))}\n")
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
