"""``tabento drift report``: a page of one or several services."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from monitoring.commands.drift import HAS_DRIFT, command
from monitoring.drift.merging import merge_reports
from monitoring.drift.page import drift_page
from monitoring.drift.part import Drift
from monitoring.settings import MonitoringSettings
from tests.monitoring.drift.test_part import part_of, read_models
from tests.monitoring.monitors import monitored_service
from tests.monitoring.rows import monitored_model, orchard_numbers, predicted_rows

MODEL = monitored_model()


def test_replicas_merged_equal_one_service(tmp_path: Path) -> None:
    """The sum of two replicas' answers equals the answer of one service that had all rows."""
    parts = [part_of(tmp_path / name) for name in ("single", "first", "second")]
    for part in parts:
        part.add_model(MODEL)
    numbers = orchard_numbers(3_000, seed=8)
    for index, selection in enumerate((slice(None), slice(0, 1_000), slice(1_000, None))):
        parts[index].add_rows(predicted_rows(MODEL, numbers[selection]))
    single, first, second = (read_models(part, raw="1") for part in parts)
    merged = merge_reports([first, second])
    assert merged == merge_reports([single])
    assert merged[0]["windows"]["rows"]["rows"] == 3_000
    assert merged[0]["windows"]["rows"]["columns"] == single[0]["windows"]["rows"]["columns"]
    with pytest.raises(ValueError, match="raw=1"):
        merge_reports([read_models(parts[0])])
    for part in parts:
        part.close()


def test_page_shows_each_column(tmp_path: Path) -> None:
    """The page has a line and a picture for each column of each window, and names are escaped."""
    part = part_of(tmp_path)
    part.add_model(MODEL)
    numbers = orchard_numbers(2_000, seed=8)
    numbers[:, 1] *= 1000
    part.add_rows(predicted_rows(MODEL, numbers))
    models = merge_reports([read_models(part, raw="1")])
    models[0]["windows"]["rows"]["columns"][0]["name"] = "<script>"
    page = drift_page(models, ["http://a"], "now")
    assert page.count("<figure>") == 2 * 8
    assert "<td class='drift'>drift" in page
    assert "<script>" not in page
    assert "Newest rows: 2,000 rows" in page
    part.close()


def test_report_of_a_real_service(tmp_path: Path) -> None:
    """The command reads a service, writes the page and the figures, and has its own exit code for drift."""
    part = Drift(MonitoringSettings(monitoring_folder=tmp_path / "monitoring", drift_min_rows=100))
    page, figures = tmp_path / "page.html", tmp_path / "figures.json"
    words = ["--output", str(page), "--json", str(figures), "--check"]
    with monitored_service(tmp_path / "bundle", part) as (address, monitor):

        def add_rows() -> None:
            part.add_model(MODEL)
            numbers = np.repeat(orchard_numbers(1, seed=3), 2_000, axis=0)
            part.add_rows(predicted_rows(MODEL, numbers))

        monitor.run(add_rows)
        result = CliRunner().invoke(command, ["report", address, *words])
        assert (result.exit_code, result.stderr) == (HAS_DRIFT, "")
        assert "orchard:1 (champion), window by rows: 2,000 rows, drift" in result.stdout
        wrong = CliRunner().invoke(command, ["report", address, "--window-s", "1e12"])
        assert (wrong.exit_code, "422" in wrong.stderr) == (1, True)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert {model["model"] for model in json.loads(figures.read_text())["models"]} >= {"orchard"}
    down = CliRunner().invoke(command, ["report", address])
    assert (down.exit_code, "did not answer" in down.stderr) == (1, True)
    assert CliRunner().invoke(command, ["report", "file:///x"]).exit_code == 1
