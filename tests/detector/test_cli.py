"""The command line as a whole: its list of commands, its help, its exit codes."""

import re
import subprocess
import sys
from types import ModuleType

import pytest
import typer

from detector import cli
from detector.contract.errors import GillnetError, UsageError

ALL = [command.name for command in cli.COMMANDS]


def run(*args):
    with pytest.raises(SystemExit) as stop:
        cli.main(list(args))
    return stop.value.code


@pytest.fixture
def probe(monkeypatch):
    """Add a command ``probe`` that does what it is told to."""

    def add(action):
        def probe():
            """Do as told."""
            action()

        module = ModuleType("detector.cli.probe")
        module.EXAMPLE = "gillnet probe"
        module.probe = probe
        command = cli.Command("probe", cli.DEVELOP, "Do as told.")
        monkeypatch.setitem(sys.modules, "detector.cli.probe", module)
        monkeypatch.setattr(cli, "COMMANDS", (*cli.COMMANDS, command))
        monkeypatch.setitem(cli._BY_NAME, "probe", command)

    return add


def raising(error):
    def action():
        raise error

    return action


def test_help_lists_every_command_under_its_panel(capsys):
    assert run("--help") == 0
    shown = capsys.readouterr().out
    for panel in (cli.RUN_IT, cli.LOOK, cli.LEARN, cli.DEVELOP):
        assert f"{panel}:" in shown
    for command in cli.COMMANDS:
        assert re.search(rf"^  {command.name} +{re.escape(command.summary)}$", shown, re.M), command.name


def test_help_imports_nothing_heavy():
    program = (
        "import sys, detector.cli\n"
        "try: detector.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'polars', 'numba', 'lightgbm', 'bytewax', 'pydantic', 'rich'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ALL)
def test_a_command_explains_itself_with_an_example(name, capsys):
    parts = getattr(cli._BY_NAME[name].load(), "commands", None)
    for path in [[name, part] for part in parts] if parts else [[name]]:
        assert run(*path, "--help") == 0
        shown, command = capsys.readouterr().out, " ".join(path)
        assert f"Usage: gillnet {command}" in shown
        assert len(re.findall(rf"gillnet {command}\b", shown)) > 1, "the help shows no example"


def test_the_list_fits_a_narrow_terminal():
    width = max(map(len, ALL))
    for command in cli.COMMANDS:
        assert 2 + width + 2 + len(command.summary) <= 80, command.name


def test_the_version_is_the_packages(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == "gillnet 0.1.0\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["detct"], "No such command 'detct'. Did you mean 'detect'? (see: gillnet --help)"),
        (["--nope"], "No such option: --nope (see: gillnet --help)"),
        (["detect"], "Missing argument 'INPUT' (see: gillnet detect --help)"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(args, message, capsys):
    assert run(*args) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


def test_without_a_command_help_is_shown(capsys):
    assert run() == 2
    assert "Usage: gillnet" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "code"), [(UsageError("a flag\nis wrong"), 2), (GillnetError("it failed"), 1)])
def test_an_error_a_person_can_mend_is_one_line(error, code, probe, capsys):
    probe(raising(error))
    assert run("probe") == code
    assert capsys.readouterr().err == f"error: {' '.join(str(error).split())}\n"


def test_a_bug_shows_its_traceback(probe):
    probe(raising(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        cli.main(["probe"])


def test_ctrl_c_is_quiet(probe, capsys):
    probe(raising(KeyboardInterrupt()))
    assert run("probe") == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_command_chooses_its_exit_code(probe):
    probe(raising(typer.Exit(1)))
    assert run("probe") == 1


def test_a_reader_that_left_is_no_error():
    program = "import detector.cli; detector.cli.main(['--help'])"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        child.stdout.close()
        assert child.stderr.read() == ""


def test_a_settings_file_is_named_before_the_command(probe, capsys, monkeypatch, tmp_path):
    from detector.settings import load_settings

    monkeypatch.setenv("GILLNET_CONFIG", "")  # so that what the command sets is undone
    (tmp_path / "mine.toml").write_text("workers = 7")
    probe(lambda: typer.echo(load_settings().workers))
    assert run("--config", str(tmp_path / "mine.toml"), "probe") == 0
    assert capsys.readouterr().out == "7\n"
