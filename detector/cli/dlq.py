"""``gillnet dlq``: what could not be read, looked at and sent back."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from detector.cli.epilogs import as_written
from detector.contract.errors import GillnetError, UsageError
from detector.printable import printable
from detector.settings import load_settings

if TYPE_CHECKING:
    from detector.settings import Settings
    from flows.dead_letters import Letter

LIST_EXAMPLE: Final = """
Examples:
  gillnet dlq list
  gillnet dlq list --cause unknown_type --limit 50
  gillnet dlq list --cause wrong_type --output broken.jsonl
"""
SHOW_EXAMPLE: Final = """
Examples:
  gillnet dlq show 0-1042
  gillnet dlq show 0-1042 --output letter.bin      # its bytes, untouched
"""
REPLAY_EXAMPLE: Final = """
Examples:
  gillnet dlq replay --repaired broken.jsonl
  gillnet dlq replay 0-1042 2-77 --editor nano
  gillnet dlq replay --cause wrong_type --editor "sed -i s/oops/message/"
  gillnet dlq replay --cause unknown_type          # as they are: what refused them was mended
"""
DETAIL_CHARACTERS: Final = 80
VALUE_CHARACTERS: Final = 60
SHOWN_CHARACTERS: Final = 20_000

Places = Annotated[
    list[str] | None, typer.Argument(metavar="[PLACE]…", help="Letters, as `gillnet dlq list` names them.")
]
Cause = Annotated[str | None, typer.Option(help="Only those with this cause, such as not_json.")]
Servers = Annotated[str | None, typer.Option(help="Where Kafka answers.  [default: the setting bootstrap_servers]")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _dlq() -> None:
    """Look at dead letters, the events that could not be read, and send repaired ones back."""


@app.command("list", epilog=as_written(LIST_EXAMPLE))
def list_(
    cause: Cause = None,
    limit: Annotated[int, typer.Option(min=0, help="Newest letters to show.")] = 20,
    output: Annotated[
        Path | None, typer.Option(help="Also write all of them to a file, one a line, to be repaired there.")
    ] = None,
    bootstrap_servers: Servers = None,
    json: Json = False,
) -> None:
    """Show how many dead letters there are, by cause, and the newest of them.

    Reads the dead-letter topic. What it held longer ago is in the lake: gillnet sql "FROM dead_letters".
    """
    from detector.dead_lines import write_lines
    from flows.dead_letters import read_letters

    counts: Counter[tuple[str, str]] = Counter()
    newest: deque[Letter] = deque(maxlen=limit)

    def counted() -> Iterator[bytes]:
        for letter in _with_cause(read_letters(settings), cause):
            counts[letter.cause, letter.detail] += 1
            newest.append(letter)
            yield letter.value

    settings = load_settings(bootstrap_servers=bootstrap_servers)
    if output is None:
        deque(counted(), maxlen=0)
    else:
        write_lines(output, counted())
    _print_list(counts, newest, json=json)


def _print_list(counts: Counter[tuple[str, str]], newest: Iterable[Letter], *, json: bool) -> None:
    from detector.cli.console import OUT, print_json

    if json:
        causes = [{"cause": cause, "detail": detail, "letters": n} for (cause, detail), n in counts.most_common()]
        print_json({"letters": counts.total(), "causes": causes, "newest": [_as_json(letter) for letter in newest]})
        return
    OUT.print(f"{counts.total():,} dead letters")
    for (cause, detail), count in counts.most_common(DETAIL_CHARACTERS):
        OUT.print(f"{count:>9,}  {printable(cause, 20)}: {printable(detail, DETAIL_CHARACTERS)}")
    for letter in newest:
        head = f"{printable(letter.place, 30)}  {printable(letter.seen_at, 30)}  {printable(letter.cause, 20)}"
        OUT.print(f"{head}  {_shown(letter.value, VALUE_CHARACTERS)}")


@app.command(epilog=as_written(SHOW_EXAMPLE))
def show(
    place: Annotated[str, typer.Argument(help="The letter, as `gillnet dlq list` names it.")],
    output: Annotated[Path | None, typer.Option(help="Write its bytes, untouched, to a file instead.")] = None,
    bootstrap_servers: Servers = None,
    json: Json = False,
) -> None:
    """Show one dead letter: why it was refused, where it came from, and what it says.

    Control and invisible characters are shown as escapes, so a letter cannot do anything to a terminal.
    """
    from detector.cli.console import OUT, print_json

    (letter,) = _chosen(load_settings(bootstrap_servers=bootstrap_servers), [place], None)
    if output is not None:
        output.write_bytes(letter.value)
    elif json:
        print_json(_as_json(letter))
    else:
        origin = f"{letter.topic} {letter.place}, seen {letter.seen_at}"
        OUT.print(f"cause   {printable(letter.cause)}: {printable(letter.detail, 1000)}")
        OUT.print(f"from    {printable(origin, 300)}")
        OUT.print(f"key     {'none' if letter.key is None else _shown(letter.key, 200)}")
        OUT.print(f"value   {len(letter.value):,} bytes")
        OUT.print(_shown(letter.value, SHOWN_CHARACTERS))


@app.command(epilog=as_written(REPLAY_EXAMPLE))
def replay(
    places: Places = None,
    cause: Cause = None,
    repaired: Annotated[
        Path | None, typer.Option(help="Send the events of this file: JSON lines, each a repaired letter.")
    ] = None,
    editor: Annotated[
        str | None, typer.Option(help="Command that repairs a file of letters, one a line, given its name.")
    ] = None,
    bootstrap_servers: Servers = None,
    json: Json = False,
) -> None:
    """Send dead letters back to the events topic, repaired or as they are.

    They are read as `gillnet run` reads them first: if one is still no event, its line is named and nothing is
    sent. An event that did get through before is dropped there as a duplicate, within 24 hours.
    """
    from detector.cli.console import OUT, print_json
    from detector.dead_lines import edited, events_in, joined
    from flows.producer import produce

    if (repaired is None) == (not places and cause is None):
        raise UsageError("say what to send: --repaired FILE, or letters by PLACE or --cause")
    if repaired is not None and editor is not None:
        raise UsageError("expected one of --repaired and --editor")
    settings = load_settings(bootstrap_servers=bootstrap_servers)
    if repaired is not None:
        lines = _read(repaired)
    else:
        letters = _chosen(settings, places, cause)
        lines = joined(letter.value for letter in letters)
        lines = lines if editor is None else edited(lines, editor)
    sent = produce(settings, settings.events_topic, [events_in(lines, settings)])
    if json:
        print_json({"sent": sent, "topic": settings.events_topic})
    else:
        OUT.print(f"{sent:,} events sent to {settings.events_topic}")


def _chosen(settings: Settings, places: list[str] | None, cause: str | None) -> list[Letter]:
    from flows.dead_letters import read_letters

    wanted = set(places or ())
    found = [x for x in _with_cause(read_letters(settings), cause) if not wanted or x.place in wanted]
    missing = sorted(wanted - {letter.place for letter in found})
    if missing or not found:
        what = f"at {', '.join(missing)}" if missing else f"with cause {cause!r}"
        msg = f"no dead letter {what} in {settings.dead_letters_topic}; `gillnet dlq list` shows what there is"
        raise GillnetError(msg)
    return found


def _with_cause(letters: Iterable[Letter], cause: str | None) -> Iterator[Letter]:
    return (letter for letter in letters if cause in (None, letter.cause))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"--repaired: cannot read {str(path)!r}: {error.strerror}") from error


def _shown(value: bytes, characters: int) -> str:
    return printable(value[: 4 * characters + 4].decode(errors="backslashreplace"), characters)


def _as_json(letter: Letter) -> dict[str, str | None]:
    """Say a letter in JSON; bytes that are no UTF-8 come as escapes (`--output` has them untouched)."""
    key = None if letter.key is None else letter.key.decode(errors="backslashreplace")
    value = letter.value.decode(errors="backslashreplace")
    return {
        "place": letter.place, "topic": letter.topic, "cause": letter.cause, "detail": letter.detail,
        "seen_at": letter.seen_at, "key": key, "value": value,
    }  # fmt: skip
