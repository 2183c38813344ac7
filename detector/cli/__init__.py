"""The ``gillnet`` command: one module per command, imported only when it is called.

A command ``name`` lives in ``detector/cli/name.py`` as a function ``name`` (with ``_`` for ``-``), or as
a ``typer.Typer`` called ``app`` when it has commands of its own. Its docstring is its help; the module's
``EXAMPLE`` is shown below it. Settings come from ``detector.settings.load_settings(flag=value, …)``,
which drops flags nobody gave. Raise ``UsageError`` for what the user got wrong (exit 2),
``GillnetError`` for what failed (exit 1).
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer._click.exceptions import ClickException  # typer carries its own click and names it nowhere public
from typer.core import TyperCommand, TyperGroup

from detector.cli.epilogs import as_written
from detector.contract.errors import GillnetError, UsageError
from detector.printable import printable

if TYPE_CHECKING:
    from typer._click import Command as ClickCommand
    from typer._click import Context, HelpFormatter

RUN_IT: Final = "Run it"
LOOK: Final = "Look"
LEARN: Final = "Learn"
DEVELOP: Final = "Develop"

EPILOG: Final = """
Start with `gillnet demo`. Every command has --help, with an example.
Settings come from flags, then GILLNET_… variables, then gillnet.toml.
"""


@dataclass(frozen=True, slots=True)
class Command:
    """A command as ``gillnet --help`` lists it."""

    name: str
    panel: str
    summary: str

    def load(self) -> ClickCommand:
        """Import the command's module and build the command."""
        function = self.name.replace("-", "_")
        module = import_module(f"{__name__}.{function}")
        app = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(add_completion=False, rich_markup_mode=None)
            app.command(self.name, epilog=as_written(module.EXAMPLE))(getattr(module, function))
        return typer.main.get_command(app)


COMMANDS: Final = (
    Command("demo", RUN_IT, "See the whole system work on this machine, in under a minute."),
    Command("run", RUN_IT, "Judge a Kafka stream: events in, decisions out, lake written."),
    Command("detect", RUN_IT, "Judge a file of events, without a broker."),
    Command("state", RUN_IT, "Change the number of shards of a stopped deployment."),
    Command("messages", LOOK, "Show which messages are copies, and contacts in them."),
    Command("sql", LOOK, "Ask the lake anything, in DuckDB's SQL."),
    Command("investigate", LOOK, "Show why an account was judged as it was."),
    Command("campaigns", LOOK, "Look at accounts that act together, and label them."),
    Command("bank", LOOK, "Carry known templates to another deployment."),
    Command("dlq", LOOK, "Look at dead letters, and send repaired ones back."),
    Command("dashboards", LOOK, "Push the Grafana board, or write it as JSON."),
    Command("doctor", LOOK, "Check settings, broker, lake and model, and say what to mend."),
    Command("erase", LOOK, "Erase a person from state, lake, labels and campaigns."),
    Command("features", LEARN, "Write the feature vector after every event of a file."),
    Command("train", LEARN, "Train a model on your events and labels."),
    Command("retrain", LEARN, "Train a challenger from the lake's new labels."),
    Command("models", LEARN, "Keep models, and say which of them decides."),
    Command("evaluate", LEARN, "Measure a model on labelled events."),
    Command("attack-report", LEARN, "Attack a model with simulated bots that take care."),
    Command("simulate", DEVELOP, "Make up a platform's events and labels, bots included."),
    Command("broker", DEVELOP, "Start the embedded Kafka-compatible broker."),
)
"""Every command, in the order help shows it."""

_BY_NAME: Final = {command.name: command for command in COMMANDS}


class LazyGroup(TyperGroup):
    """A group that lists its commands, by panel, without importing them."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write one section per panel."""
        del ctx
        for panel in dict.fromkeys(command.panel for command in COMMANDS):
            with formatter.section(panel):
                formatter.write_dl([(c.name, c.summary) for c in COMMANDS if c.panel == panel])

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Import the one command that is called."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, _BY_NAME[name].load() if name in _BY_NAME else listed, rest


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gillnet {version('gillnet')}")
        raise typer.Exit


def _gillnet(
    config: Annotated[
        Path | None,
        typer.Option(help="Settings file  [default: gillnet.toml, if there]", envvar="GILLNET_CONFIG"),
    ] = None,
    version: Annotated[  # noqa: ARG001 -- its callback acts on it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Find bots in a social or dating platform's event stream, and say why."""
    if config is not None:
        # Through the environment, so that the worker processes of `gillnet run` read the same file.
        os.environ["GILLNET_CONFIG"] = str(config)


def command_line() -> TyperGroup:
    """Build the ``gillnet`` command with every sub-command listed."""
    app = typer.Typer(cls=LazyGroup, rich_markup_mode=None, no_args_is_help=True)
    app.callback(epilog=as_written(EPILOG))(_gillnet)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for command in COMMANDS:
        group.add_command(TyperCommand(command.name, short_help=command.summary))
    return group


def _fail(message: str, code: int) -> int:
    line = printable(" ".join(message.split()))  # it may quote what a stranger wrote
    sys.stderr.write(f"error: {line}\n")
    return code


def _run(args: list[str] | None) -> int:
    try:
        code = command_line().main(args, prog_name="gillnet", standalone_mode=False)
        sys.stdout.flush()
    except ClickException as error:
        if error.__class__.__name__ == "NoArgsIsHelpError":
            error.show()
            return error.exit_code
        ctx = getattr(error, "ctx", None)
        hint = f" (see: {ctx.command_path} --help)" if ctx else ""
        return _fail(error.format_message().rstrip(".") + hint, error.exit_code)
    except UsageError as error:
        return _fail(str(error), 2)
    except GillnetError as error:
        return _fail(str(error), 1)
    except typer.Abort:
        return 130
    except BrokenPipeError:
        # Whoever read our output has left; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code if isinstance(code, int) else 0


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(_run(args))
