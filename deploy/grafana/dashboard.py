"""The dashboard as Grafana's document, built from the panels with Grafana's own SDK, which has the types of its schema."""

from __future__ import annotations

import json

from grafana_foundation_sdk.builders import common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models
from grafana_foundation_sdk.models.dashboard import Dashboard, DataSourceRef

from deploy.grafana.panels import ROWS, Limits, Panel

UID = "tabento-model-health"
TITLE = "Model health"
UNITS = {"rowsps": "suffix: rows/s"}
"""Grafana's names of our units that it does not have itself."""
GREEN, YELLOW, RED = "green", "yellow", "red"
PANEL_HEIGHT, STATUS_HEIGHT = 8, 4

_DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


def build_dashboard() -> Dashboard:
    """Return the dashboard "Model health"."""
    builder = (
        builders.Dashboard(TITLE)
        .uid(UID)
        .description(
            "State, traffic, latency, drift and quality of models that Tabento serves. Built by deploy/grafana."
        )
        .tags(["tabento", "generated"])
        .timezone("browser")
        .time("now-6h", "now")
        .refresh("30s")
        .readonly()
        .with_variable(builders.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_variable("service", "Service", "label_values(tabento_model_info, instance)"))
        .with_variable(_variable("model", "Model", 'label_values(tabento_model_info{instance=~"$service"}, model)'))
    )
    number = 1
    for title, panels in ROWS:
        builder = builder.with_row(builders.Row(title).id(number))
        number += 1
        for panel in panels:
            builder = builder.with_panel(_panel(panel).id(number))
            number += 1
    return builder.build()


def dashboard_text() -> str:
    """Return the document as JSON, as it is committed."""
    return json.dumps(build_dashboard(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _variable(name: str, label: str, query: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(_DATASOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )


def _panel(panel: Panel) -> stat.Panel | table.Panel | timeseries.Panel:
    """Return the builder of a panel."""
    builder: stat.Panel | table.Panel | timeseries.Panel
    if panel.kind == "status":
        builder = _status_panel(panel)
    elif panel.kind == "table":
        builder = table.Panel()
    else:
        builder = _lines_panel(panel)
    height = STATUS_HEIGHT if panel.kind == "status" else PANEL_HEIGHT
    builder = builder.title(panel.title).description(panel.description).datasource(_DATASOURCE)
    builder = builder.unit(UNITS.get(panel.unit, panel.unit)).span(panel.width).height(height)
    for number, query in enumerate(panel.queries):
        target = prometheus.Dataquery().expr(query.expression).ref_id(chr(ord("A") + number)).datasource(_DATASOURCE)
        if panel.kind == "table":
            target = target.instant().format(prometheus_models.PromQueryFormat.TABLE)
        elif panel.kind == "status":
            target = target.instant()
        else:
            target = target.range().legend_format(query.legend).exemplar(panel.has_exemplars)
        builder = builder.with_target(target)
    return builder


def _status_panel(panel: Panel) -> stat.Panel:
    """Return a panel that shows OK, WARN or ALERT, and the value beside the text."""
    builder = (
        stat.Panel()
        .color_mode(common_models.BigValueColorMode.BACKGROUND)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .no_value("no data")
    )
    assert panel.limits is not None, f"{panel.title} has no limits"
    return builder.thresholds(_thresholds(panel.limits)).mappings(_state_names(panel.limits))


def _lines_panel(panel: Panel) -> timeseries.Panel:
    builder = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(5)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
    )
    if panel.limits is not None:
        builder = builder.thresholds(_thresholds(panel.limits)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_models.GraphTresholdsStyleMode.DASHED)
        )
    return builder


def _thresholds(limits: Limits) -> builders.ThresholdsConfig:
    return (
        builders.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps(
            [
                models.Threshold(value=None, color=GREEN),
                models.Threshold(value=limits.warning, color=YELLOW),
                models.Threshold(value=limits.alert, color=RED),
            ]
        )
    )


def _state_names(limits: Limits) -> list[models.ValueMapping]:
    """Return the texts of the ranges. Grafana takes the first range that fits, so limits belong to the upper range."""
    ranges = (
        (limits.alert, None, "ALERT", RED),
        (limits.warning, limits.alert, "WARN", YELLOW),
        (None, limits.warning, "OK", GREEN),
    )
    return [
        models.RangeMap(
            models.DashboardRangeMapOptions(
                from_val=lower, to=upper, result=models.ValueMappingResult(text=text, color=color, index=index)
            )
        )
        for index, (lower, upper, text, color) in enumerate(ranges)
    ]
