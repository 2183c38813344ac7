"""What is said about features is what the catalogue has."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from detector import cli
from detector.cli import features as command
from detector.feature_page import COMMAND, SECTIONS, page
from detector.feature_sources import PLACES, SHARED, TESTS, source_of, words
from features import aggregates, rhythms
from features.catalogue import DEFAULT, VIEWS
from features.messages import TESTS as TEXTS
from features.places import PLACE_FACTS
from features.predicates import PREDICATES
from features.sharing import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "features.md"
AGGREGATES = [
    kind
    for module in (aggregates, rhythms)
    for kind in vars(module).values()
    if isinstance(kind, type) and kind.__module__ == module.__name__ and hasattr(kind, "compile")
]
COLUMNS = ["name", "entity", "window", "meaning", "source"]


def run(*args: str) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(list(args))
    return stop.value.code


def test_the_page_is_what_the_catalogue_says():
    assert PAGE.read_text() == page(), f"docs/features.md is not what the catalogue says: run `{COMMAND}`"


def test_the_page_has_a_section_for_every_view():
    assert tuple(section.view for section in SECTIONS) == VIEWS
    assert re.findall(r"^\| `(\w+)` \|", page(), flags=re.M) == list(DEFAULT.names)


@pytest.mark.parametrize("kind", [kind for kind in AGGREGATES if kind is not aggregates.Aggregate])
def test_every_aggregate_has_words(kind):
    assert kind in words.registry


def test_what_has_no_words_is_named():
    with pytest.raises(TypeError, match="no words for int: add a function"):
        words(1)


def test_every_predicate_has_words():
    assert set(TESTS) == {name for name, predicate in PREDICATES.items() if predicate.test is not None} | set(TEXTS)
    assert set(PLACES) == set(PLACE_FACTS)
    assert set(SHARED) == set(KINDS)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("messages_count_1h", "message events: count"),
        ("like_ratio_24h", "swipe events with direction like or superlike: count, over the count of swipe events"),
        ("burst_ratio_1m", "own events: count, over the count of own events of 24h"),
        (
            "gap_seconds_cv_24h",
            "time from the own event before (ts) of own events but the first: coefficient of variation",
        ),
        ("reporters_distinct_24h", "account_id of report events received: different ones"),
        ("targets_distinct_1h", "target_id of own events with target_id: different ones"),
        (
            "post_after_post_ratio_24h",
            "own events right after post and share events: share that are post and share events",
        ),
        ("bio_chars", "characters of bio of own events: latest"),
    ],
)
def test_a_source_says_which_events_and_fields_are_read_and_how(name, source):
    assert source_of(DEFAULT.features[DEFAULT.names.index(name)]) == source


def test_accounts_that_share_an_entity_are_counted_over_its_window():
    windows = {f.name: f.window for f in DEFAULT.features}
    assert windows["accounts_per_device_24h"] == "24h"
    assert windows["accounts_per_device_1h"] == "1h"
    assert windows["photo_count"] == "life"


def test_the_list_for_programs_has_every_column(capsys):
    assert run("features", "--list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in listed] == list(DEFAULT.names)
    assert all(list(row) == COLUMNS and all(row.values()) for row in listed)


def test_the_list_in_a_pipe_is_a_line_for_each_feature(capsys):
    assert run("features", "--list") == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == list(DEFAULT.names)
    assert {len(row) for row in rows} == {len(COLUMNS)}


def test_the_list_on_a_terminal_is_a_table_with_whole_names(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(command, "OUT", Console(file=screen, force_terminal=True, width=100, color_system=None))
    assert run("features", "--list") == 0
    lines = screen.getvalue().splitlines()
    assert lines[0].split() == COLUMNS
    assert max(map(len, lines)) <= 100
    assert set(DEFAULT.names) <= {line.split(" ")[0] for line in lines}


def test_the_list_as_a_page_is_the_page(capsys):
    assert run("features", "--list", "--markdown") == 0
    assert capsys.readouterr().out == page()


@pytest.mark.parametrize("args", [("--markdown",), ("--list", "--json", "--markdown")])
def test_a_page_goes_with_the_list_alone(args, capsys):
    assert run("features", *args) == 2
    assert "--markdown" in capsys.readouterr().err
