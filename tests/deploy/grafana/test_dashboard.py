"""Grafana's document: it equals the panels, fits the types of Grafana's SDK, and has its places and variables in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.__main__ import DOCUMENT
from deploy.grafana.dashboard import UID, dashboard_text
from deploy.grafana.panels import ROWS, all_panels

PROVISIONING = DOCUMENT.parents[1] / "provisioning"
WIDTH = 24


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The committed document."""
    content: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return content


def test_the_committed_document_is_the_one_of_the_panels() -> None:
    """A change of the panels needs `make dashboard`."""
    assert DOCUMENT.read_text(encoding="utf-8") == dashboard_text(), "stale: run `make dashboard`"


def test_the_document_fits_the_types_of_the_sdk(document: dict[str, Any]) -> None:
    """Read with the SDK's types and written again, the document is the same: no field is unknown to the schema."""
    assert json.loads(json.dumps(Dashboard.from_json(document), cls=JSONEncoder)) == document


def test_an_unknown_field_does_not_fit(document: dict[str, Any]) -> None:
    """The comparison with the SDK's types finds a field that the schema does not have."""
    panel = {**document["panels"][1], "colour": "red"}
    changed = {**document, "panels": [panel]}
    assert json.loads(json.dumps(Dashboard.from_json(changed), cls=JSONEncoder)) != changed


def test_all_panels_are_present_once(document: dict[str, Any]) -> None:
    """Rows and panels have their titles, in their order, with ids of their own."""
    panels = document["panels"]
    titles = [title for row, content in ROWS for title in (row, *(panel.title for panel in content))]
    assert [panel["title"] for panel in panels] == titles
    ids = [panel["id"] for panel in panels]
    assert len(set(ids)) == len(ids)
    assert document["uid"] == UID


def test_panels_do_not_overlap(document: dict[str, Any]) -> None:
    """No two panels share a cell of Grafana's grid, and none is wider than it."""
    cells: dict[tuple[int, int], str] = {}
    for panel in document["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in cells, f"{panel['title']} is above {cells[(x, y)]}"
                cells[(x, y)] = panel["title"]


def test_queries_use_the_data_source_that_the_reader_chooses(document: dict[str, Any]) -> None:
    """All queries of the panels are in the document, each for the chosen data source."""
    panels = [panel for panel in document["panels"] if panel["type"] != "row"]
    for panel, source in zip(panels, all_panels(), strict=True):
        assert [target["expr"] for target in panel["targets"]] == [query.expression for query in source.queries]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
    assert [variable["name"] for variable in document["templating"]["list"]] == ["datasource", "service", "model"]


def test_a_status_says_ok_warn_or_alert(document: dict[str, Any]) -> None:
    """The ranges of a status cover all numbers; a value at a limit belongs to the worse state, which is listed first."""
    states = [panel for panel in document["panels"] if panel["type"] == "stat"]
    assert len(states) == len(ROWS[0][1])
    for panel in states:
        ranges = [mapping["options"] for mapping in panel["fieldConfig"]["defaults"]["mappings"]]
        assert [option["result"]["text"] for option in ranges] == ["ALERT", "WARN", "OK"]
        assert ranges[0]["to"] is None
        assert ranges[0]["from"] == ranges[1]["to"]
        assert ranges[1]["from"] == ranges[2]["to"]
        assert ranges[2]["from"] is None


@pytest.mark.parametrize("path", sorted(PROVISIONING.rglob("*.yaml")), ids=lambda path: path.stem)
def test_provisioning_is_valid_yaml(path: Path) -> None:
    """The files have the version and the lists that Grafana reads at its start."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert content["apiVersion"] == 1
    assert content["datasources" if path.parent.name == "datasources" else "providers"]
