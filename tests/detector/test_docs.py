"""What the documents say is what there is."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from detector.cli import COMMANDS
from detector.contract.dead_letters import Cause
from detector.contract.decisions import Decision, Verdict
from detector.contract.events import EVENT_TYPES, FIELDS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [README, *(path.read_text() for path in sorted((ROOT / "docs").glob("**/*.md")))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def section(title):
    return re.split(rf"^## {title}$", README, flags=re.M)[1].split("\n## ")[0]


def rows(text):
    """Give the first cell of each row of the tables in a text."""
    return [line.split("|")[1].strip() for line in text.splitlines() if re.match(r"\| (?!-)", line)]


def recipes():
    lines = (ROOT / "justfile").read_text().splitlines()
    public = [line for before, line in zip(["", *lines], lines, strict=False) if before != "[private]"]
    return [match[1] for line in public if (match := re.match(r"([a-z][a-z-]*)( .*)?:(?!=)", line))]


def test_the_readme_lists_every_command_and_no_other():
    listed = [row.strip("`").removeprefix("gillnet ") for row in rows(section("Commands"))[1:]]
    assert listed == [command.name for command in COMMANDS]


def test_every_recipe_is_documented():
    assert {"setup", "test", "train-default"} <= set(recipes())
    listed = re.findall(r"`([a-z-]+)`", " ".join(rows(section("Developing"))))
    assert sorted(listed) == sorted(recipes())


def test_the_readme_lists_every_dependency_and_no_other():
    declared = [re.match(r"[\w-]+", dependency)[0] for dependency in PROJECT["dependencies"]]
    assert rows(section("Dependencies"))[1:] == declared


def test_the_changelog_has_a_place_for_what_comes():
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("path", sorted([ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")]), ids=lambda p: p.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        if not target.startswith("https://"):
            assert (path.parent / target).exists(), target


def test_every_event_type_and_field_is_documented():
    page = (ROOT / "docs" / "events.md").read_text()
    for name in (*EVENT_TYPES, *FIELDS, *Cause):
        assert f"`{name}`" in page, name


def test_every_field_of_a_decision_is_documented():
    page = (ROOT / "docs" / "events.md").read_text()
    for name in (*Decision.__struct_fields__, *(verdict.label for verdict in Verdict)):
        assert f"`{name}`" in page or name == "schema", name


def test_no_document_or_program_names_a_place_on_one_machine():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if Path(name).suffix in {".py", ".md", ".toml", ".json", ""} and (ROOT / name).is_file():
            text = (ROOT / name).read_text()
            assert not re.search(r"/(work|home|root)/\w", text), name
