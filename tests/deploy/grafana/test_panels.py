"""The panels of the dashboard: their queries name metrics that exist, and each status has its limits."""

from __future__ import annotations

import re

import pytest

from deploy.grafana.panels import Panel, all_panels, expand_query
from monitoring.snapshots import Family
from tools.metrics_page import families_by_origin

_METRIC = re.compile(r"\b(?:tabento|ml)_[a-z_]+")
_SUFFIXES = re.compile(r"_(?:total|bucket|count|sum)$")
FAMILIES: dict[str, Family] = {family.name: family for families in families_by_origin().values() for family in families}


@pytest.mark.parametrize("panel", all_panels(), ids=lambda panel: panel.title)
def test_queries_name_metrics_that_exist(panel: Panel) -> None:
    """Every metric of a query is a family of the service or of the monitor's parts, with the suffix of its kind."""
    for query in panel.queries:
        for name in _METRIC.findall(query.expression):
            base = name if name in FAMILIES else _SUFFIXES.sub("", name)
            assert base in FAMILIES, f"{panel.title}: {name}"
            if base in FAMILIES and FAMILIES[base].kind == "counter":
                assert name == f"{base}_total"


@pytest.mark.parametrize("panel", all_panels(), ids=lambda panel: panel.title)
def test_labels_of_legends_exist(panel: Panel) -> None:
    """A legend names labels that its query keeps."""
    for query in panel.queries:
        for label in re.findall(r"{{(\w+)}}", query.legend):
            assert re.search(rf"by \([^)]*\b{label}\b[^)]*\)", query.expression), f"{panel.title}: {label}"


@pytest.mark.parametrize("panel", all_panels(), ids=lambda panel: panel.title)
def test_a_status_has_limits_in_their_order(panel: Panel) -> None:
    """A status panel has limits, and every warning comes before its alert."""
    assert panel.kind != "status" or panel.limits is not None
    assert panel.limits is None or panel.limits.warning < panel.limits.alert
    assert panel.description
    assert panel.queries


def test_variables_are_replaced() -> None:
    """A query that is sent without Grafana has no variable left."""
    for panel in all_panels():
        for query in panel.queries:
            assert "$" not in expand_query(query.expression, "1m")
