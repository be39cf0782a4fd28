"""The benchmark of the log's format runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import log_format


def test_each_format_has_a_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawn rows and rows of a file are measured; compressed lines are smaller than plain ones."""
    monkeypatch.setattr(log_format, "REPEATS", 1)
    result, table = tmp_path / "result.json", tmp_path / "rows.csv"
    assert log_format.main(["--rows", "300", "--json", str(result)]) == 0
    formats = json.loads(result.read_text(encoding="utf-8"))["formats"]
    assert formats["+ zlib, level 6"]["bytes_a_row"] < formats["JSON lines"]["bytes_a_row"] / 2
    assert "bytes a row" in capsys.readouterr().out
    names = "longitude,latitude,housing_median_age,total_rooms,total_bedrooms,population,households,median_income,ocean_proximity"
    table.write_text(f"{names}\n-122.2,37.9,41.0,880.0,,322.0,126.0,8.3252,NEAR BAY\n", encoding="utf-8")
    assert log_format.main(["--rows", "5", "--data", str(table)]) == 0
