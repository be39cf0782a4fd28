"""The monitor estimates the quality of predicted rows without truths, and keeps its counts over a restart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitoring.estimates.part import BOUNDS, ESTIMATED, FILE, EstimatedQuality
from monitoring.process.parts import build_parts
from monitoring.quality.part import LiveQuality
from monitoring.rows import MonitoredModel
from monitoring.settings import MonitoringSettings
from tabento.bundle.expected_quality import ErrorTree, ExpectedQuality
from tabento.bundle.format import EXPECTED_QUALITY_FILE
from tests.monitoring.feedback.answers import DAY_S, NOW_S, monitored, predicted_rows

AGE = 0
TREE = ErrorTree(
    columns=(AGE, -1, -1),
    thresholds=(20.0, 0.0, 0.0),
    missing_left=(True, False, False),
    left=(1, -1, -1),
    right=(2, -1, -1),
    rows=(200, 100, 100),
    absolute=(2.0, 1.0, 3.0),
    absolute_std=(1.0, 0.5, 0.5),
    squared=(5.0, 1.0, 9.0),
    squared_std=(1.0, 0.5, 0.5),
)


def estimated_model(folder: Path, **changes: Any) -> MonitoredModel:
    """Return a model version whose bundle has an error tree: trees up to 20 years have an error of 1, older ones of 3."""
    folder.mkdir(exist_ok=True)
    (folder / EXPECTED_QUALITY_FILE).write_text(ExpectedQuality(error=TREE).model_dump_json(), encoding="utf-8")
    return replace(monitored(metrics={"mae": 2.0, "rmse": 2.3}), folder=folder, **changes)


def settings(folder: Path) -> MonitoringSettings:
    """Return settings with two windows and a minimum of 20 rows."""
    values = {"monitoring_folder": folder, "quality_min_rows": 20, "quality_windows": ("1d", "all")}
    return MonitoringSettings.model_validate(values)


def new_part(folder: Path) -> EstimatedQuality:
    """Return a part whose present is that of the rows."""
    return EstimatedQuality(settings(folder), lambda: NOW_S)


def add(part: EstimatedQuality, model: MonitoredModel, ages: list[float], time_s: float = NOW_S - 60) -> None:
    """Predict one row for each age."""
    ids = [f"r{index}" for index in range(len(ages))]
    rows = predicted_rows(model, ids, np.ones(len(ages)), time_s=time_s)
    rows.numbers[:, AGE] = ages
    part.add_rows(rows)


def test_the_estimate_follows_the_rows(tmp_path: Path) -> None:
    """Rows of a window are counted by leaf; old rows are in the long window only, and metrics are exported each minute."""
    part, model = new_part(tmp_path), estimated_model(tmp_path / "bundle")
    part.add_model(model)
    add(part, model, [10.0] * 15 + [30.0] * 15)
    add(part, model, [30.0] * 90, time_s=NOW_S - 3 * DAY_S)
    (version,) = part.estimates("orchard")["expected"]
    assert (version["version"], version["variant"], version["method"]) == ("v1", "champion", "dle")
    day, all_time = version["windows"]["1d"], version["windows"]["all"]
    assert (day["rows"], all_time["rows"]) == (30, 120)
    assert day["metrics"]["mae"]["value"] == pytest.approx(2.0)
    assert day["metrics"]["mae"]["test"] == 2.0
    assert all_time["metrics"]["mae"]["value"] == pytest.approx((15 + 105 * 3) / 120)
    assert all_time["metrics"]["rmse"]["value"] == pytest.approx(np.sqrt((15 + 105 * 9) / 120))
    assert all_time["metrics"]["mae"]["low"] < all_time["metrics"]["mae"]["value"] < all_time["metrics"]["mae"]["high"]
    part.tick(NOW_S)
    assert part.numbers()[ESTIMATED.name]["orchard", "v1", "champion", "mae", "1d"] == pytest.approx(2.0)
    assert ("orchard", "v1", "champion", "rmse", "all", "high") in part.numbers()[BOUNDS.name]
    assert part.estimates("elsewhere") == {}


def test_few_rows_have_no_figures(tmp_path: Path) -> None:
    """Below the minimum of rows only their number is shown."""
    part, model = new_part(tmp_path), estimated_model(tmp_path / "bundle")
    part.add_model(model)
    add(part, model, [10.0] * 19)
    (version,) = part.estimates("orchard")["expected"]
    assert version["windows"]["all"] == {"rows": 19, "metrics": {}}


def test_a_restart_keeps_the_counts(tmp_path: Path) -> None:
    """Counts of the file and new rows add up; another model under the same version begins from zero."""
    part, model = new_part(tmp_path), estimated_model(tmp_path / "bundle")
    part.add_model(model)
    add(part, model, [10.0] * 30)
    part.close()
    part = new_part(tmp_path)
    part.add_model(model)
    add(part, model, [30.0] * 10)
    assert part.estimates("orchard")["expected"][0]["windows"]["all"]["rows"] == 40
    part.close()
    part = new_part(tmp_path)
    changed = ExpectedQuality(error=TREE.model_copy(update={"thresholds": (5.0, 0.0, 0.0)}))
    (tmp_path / "bundle" / EXPECTED_QUALITY_FILE).write_text(changed.model_dump_json(), encoding="utf-8")
    part.add_model(model)
    assert part.estimates("orchard")["expected"][0]["windows"]["all"]["rows"] == 0


@pytest.mark.parametrize("content", [b"", b"[{]", b'{"a": 1}', b'[{"name": "x"}]'])
def test_a_damaged_file_is_replaced(tmp_path: Path, content: bytes) -> None:
    """Counts that cannot be read begin from zero."""
    (tmp_path / FILE).write_bytes(content)
    part, model = new_part(tmp_path), estimated_model(tmp_path / "bundle")
    part.add_model(model)
    add(part, model, [10.0] * 30)
    part.close()
    assert len(json.loads((tmp_path / FILE).read_bytes())) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", FILE]


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    """The part is degraded, counts on in memory, and is healthy again once the folder can be written."""
    folder = tmp_path / "missing"
    part, model = new_part(folder), estimated_model(tmp_path / "bundle")
    part.add_model(model)
    add(part, model, [10.0] * 30)
    part.tick(NOW_S)
    health = part.health()
    assert health is not None
    assert health.status == "degraded"
    assert part.estimates("orchard")["expected"][0]["windows"]["all"]["rows"] == 30
    folder.mkdir()
    part.tick(NOW_S + 61)
    health = part.health()
    assert health is not None
    assert health.status == "healthy"


def test_a_bundle_without_tables_has_no_estimates(tmp_path: Path) -> None:
    """Older bundles, and those with a malformed file, have no estimates; their rows do no harm."""
    part = new_part(tmp_path)
    older = replace(monitored(), folder=tmp_path)
    part.add_model(older)
    add(part, older, [10.0] * 30)
    broken = estimated_model(tmp_path / "bundle")
    (tmp_path / "bundle" / EXPECTED_QUALITY_FILE).write_text("{}x", encoding="utf-8")
    part.add_model(broken)
    add(part, broken, [10.0] * 30)
    assert part.estimates("orchard") == {}


def test_a_row_of_the_future_counts_now(tmp_path: Path) -> None:
    """If a clock jumps ahead, its rows are counted in the present hour, so they leave the windows again."""
    part, model = new_part(tmp_path), estimated_model(tmp_path / "bundle")
    part.add_model(model)
    add(part, model, [10.0] * 30, time_s=NOW_S + 400 * DAY_S)
    assert part.estimates("orchard")["expected"][0]["windows"]["1d"]["rows"] == 30


def test_the_monitor_has_the_part(tmp_path: Path) -> None:
    """The answer of ``GET /quality`` includes the estimates."""
    parts = build_parts(settings(tmp_path))
    (quality,) = [part for part in parts if isinstance(part, LiveQuality)]
    (estimates,) = [part for part in parts if isinstance(part, EstimatedQuality)]
    assert quality.extra == [estimates.estimates]
    for part in parts:
        part.close()
