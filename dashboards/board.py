"""The Grafana board as code: the panels of ``dashboards.panels`` in rows, on one Prometheus."""

from __future__ import annotations

import json
from typing import Any, Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef

from dashboards.panels import ROWS, Panel

UID: Final = "gillnet"
TITLE: Final = "Gillnet"
PANEL_HEIGHT: Final = 8
DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")


def _graph(panel: Panel, panel_id: int) -> timeseries.Panel:
    stacking = common.StackingConfig().mode(StackingMode.NORMAL if panel.stacked else StackingMode.NONE)
    graph = (
        timeseries.Panel()
        .id(panel_id)
        .title(panel.title)
        .description(panel.description)
        .datasource(DATASOURCE)
        .unit(panel.unit)
        .min(0)
        .span(panel.width)
        .height(PANEL_HEIGHT)
        .draw_style(GraphDrawStyle.LINE)
        .fill_opacity(30 if panel.stacked else 8)
        .stacking(stacking)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    for letter, (legend, query) in zip("ABCDEF", panel.queries.items(), strict=False):
        graph.with_target(prometheus.Dataquery().ref_id(letter).expr(query).legend_format(legend).range())
    return graph


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
    )


def build() -> dict[str, Any]:
    """Build the board as Grafana's JSON model; the same every time."""
    board = (
        dashboard.Dashboard(TITLE)
        .uid(UID)
        .description("What Gillnet decides, how fast, and whether it is well. Made from code: change it there.")
        .tags(["gillnet"])
        .time("now-3h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    panel_id = 0
    for title, panels in ROWS.items():
        panel_id += 1
        board.with_row(dashboard.Row(title).id(panel_id))
        for panel in panels:
            panel_id += 1
            board.with_panel(_graph(panel, panel_id))
    model: dict[str, Any] = json.loads(JSONEncoder().encode(board.build()))
    return model
