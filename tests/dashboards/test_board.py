import re
from itertools import combinations
from typing import Any

import pytest
from prometheus_client import Metric

from dashboards.alerts import ALERTS
from dashboards.board import build
from dashboards.panels import ROWS
from flows.metrics import REGISTRY

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
OF_THE_LAUNCHER = {
    *("gillnet_worker_restarts_total", "gillnet_broker_up"),
    *("gillnet_calibration_error", "gillnet_calibration_accounts"),
}
QUERIES = {
    **{f"{panel.title}: {legend}": q for row in ROWS.values() for panel in row for legend, q in panel.queries.items()},
    **{alert.name: alert.query for alert in ALERTS},
}


def _series_of(metric: Metric) -> set[str]:
    return {metric.name + suffix for suffix in SUFFIXES[metric.type]}


@pytest.fixture(scope="module")
def panels() -> list[dict[str, Any]]:
    return [panel for panel in build()["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_what_is_queried_exists(query: str):
    known = OF_THE_LAUNCHER.union(*(_series_of(metric) for metric in REGISTRY.collect()))
    named = set(re.findall(r"gillnet_\w+", query))
    assert named
    assert named <= known


def test_every_metric_is_looked_at():
    queried = set(re.findall(r"gillnet_\w+", " ".join(QUERIES.values())))
    assert [metric.name for metric in REGISTRY.collect() if not _series_of(metric) & queried] == []


def test_panels_have_ids_of_their_own():
    ids = [panel["id"] for panel in build()["panels"]]
    assert len(set(ids)) == len(ids)


def test_panels_fit_the_grid_and_overlap_nowhere():
    places = [panel["gridPos"] for panel in build()["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


def test_panels_stand_below_their_rows_in_order():
    kinds = [(panel["gridPos"]["y"], panel["title"]) for panel in build()["panels"]]
    assert [y for y, _ in kinds] == sorted(y for y, _ in kinds)
    titles = [title for row, entries in ROWS.items() for title in (row, *(entry.title for entry in entries))]
    assert [title for _, title in kinds] == titles


def test_every_panel_says_its_unit_and_what_to_make_of_it(panels: list[dict[str, Any]]):
    for panel in panels:
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert len(panel["description"]) > 60
        assert panel["description"].endswith(".")


def test_every_query_of_a_panel_reaches_the_board(panels: list[dict[str, Any]]):
    on_board = [target["expr"] for panel in panels for target in panel["targets"]]
    assert on_board == [query for row in ROWS.values() for panel in row for query in panel.queries.values()]
    for panel in panels:
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)


def test_the_prometheus_is_chosen_on_the_board(panels: list[dict[str, Any]]):
    assert [(v["name"], v["type"], v["query"]) for v in build()["templating"]["list"]] == [
        ("datasource", "datasource", "prometheus")
    ]
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}


def test_the_board_is_the_same_every_time():
    assert build() == build()
