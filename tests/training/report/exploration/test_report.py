"""Tests of the report of the study."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import ModelConfig
from training.progress import Progress, silence
from training.report.exploration.report import write_study

pytestmark = pytest.mark.slow

SECTIONS = [
    "Overview",
    "Findings",
    "Target",
    "Features",
    "Missing values",
    "Correlations",
    "Relations to the target",
    "Outliers",
    "Training and test part",
]


@pytest.fixture(scope="module")
def troubled() -> pd.DataFrame:
    """Rows with a constant, an empty column, a single category, no category, and a value that is HTML."""
    frame = orchard_frame(120)
    frame["age"] = 7.0
    frame["slope"] = np.nan
    frame["sort"] = "COX"
    frame["soil"] = pd.Series([None] * 100 + ["<img src=x>"] * 20, dtype=object)
    return frame


def _write(config: ModelConfig, frame: pd.DataFrame, rows: int, folder: Path) -> tuple[str, str, dict[str, float]]:
    """Study the first rows as the training part, and return the page, the output and the key numbers."""
    out = io.StringIO()
    origin = {"Source": "synthetic, seed 3"}
    figures = write_study(config, frame.iloc[:rows], frame.iloc[rows:], folder, Progress(out, out), provenance=origin)
    return (folder / "report.html").read_text(encoding="utf-8"), out.getvalue(), figures


def test_a_classification_gets_every_section(tmp_path: Path) -> None:
    """The page has all sections with their pictures, and the figures are JSON."""
    config, frame = seedling_config(), seedling_frame(500)
    page, _, figures = _write(config, frame, 400, tmp_path)
    assert re.findall(r"<h2>(.*?)</h2>", page) == SECTIONS
    assert page.count("data:image/png;base64,") >= len(config.features) + 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "study.json"]
    content = json.loads((tmp_path / "study.json").read_text(encoding="utf-8"))
    assert list(content["features"]) == [feature.name for feature in config.features]
    assert content["rows"] == {"train": 400, "test": 100, "duplicates": 0}
    assert figures["train_rows"] == 400
    assert all(np.isfinite(value) for value in figures.values())


def test_the_same_rows_give_the_same_bytes(troubled: pd.DataFrame, tmp_path: Path) -> None:
    """Two runs write equal files, and do not change the rows."""
    before = troubled.copy()
    files = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        _write(orchard_config(), troubled, 90, folder)
        files.append([path.read_bytes() for path in sorted(folder.iterdir())])
    assert files[0] == files[1]
    pd.testing.assert_frame_equal(troubled, before)


def test_columns_without_information_are_drawn_and_reported(troubled: pd.DataFrame, tmp_path: Path) -> None:
    """One value, no value and one category get their cards, and the warnings are printed."""
    page, output, _ = _write(orchard_config(), troubled, 90, tmp_path)
    assert re.findall(r"<h2>(.*?)</h2>", page) == SECTIONS
    for text in (page, output):
        assert "slope has no value in any training row" in text
        assert "sort has the same value in every row" in text


def test_texts_of_data_and_config_are_escaped(troubled: pd.DataFrame, tmp_path: Path) -> None:
    """Origin and reasons are on the page, and a value of the data is escaped."""
    page, _, _ = _write(orchard_config(), troubled.iloc[::-1], 90, tmp_path)
    assert "<img src=x>" not in page
    assert "&lt;img src=x&gt;" in page
    assert "synthetic, seed 3" in page
    assert "The number on the tree&#39;s tag names the tree." in page


def test_very_few_rows_are_enough(tmp_path: Path) -> None:
    """Three training rows and one test row are enough for a page."""
    page, _, figures = _write(orchard_config(), orchard_frame(4), 3, tmp_path)
    assert figures["train_rows"] == 3
    assert "</html>" in page


def test_a_part_without_rows_or_columns_is_refused(tmp_path: Path) -> None:
    """A part without rows or columns is an error that names them."""
    frame = orchard_frame(50)
    with pytest.raises(ValueError, match="rows in the test part, got none"):
        write_study(orchard_config(), frame, frame.iloc[:0], tmp_path, silence())
    with pytest.raises(ValueError, match="training part, got none for \\['age'\\]"):
        write_study(orchard_config(), frame.drop(columns="age"), frame, tmp_path, silence())
    assert list(tmp_path.iterdir()) == []
