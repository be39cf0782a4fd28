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
from training.study import report
from training.study.report import study, to_json, write_study

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
    """Study the first rows as the training part, and return the page, what was told and the key figures."""
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
    said = json.loads((tmp_path / "study.json").read_text(encoding="utf-8"))
    assert list(said["features"]) == [feature.name for feature in config.features]
    assert said["rows"] == {"train": 400, "test": 100, "duplicates": 0}
    assert figures["train_rows"] == 400
    assert all(np.isfinite(value) for value in figures.values())


def test_the_same_rows_give_the_same_bytes(troubled: pd.DataFrame, tmp_path: Path) -> None:
    """Two runs write equal files, and leave the rows as they were."""
    before = troubled.copy()
    written = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        _write(orchard_config(), troubled, 90, folder)
        written.append([path.read_bytes() for path in sorted(folder.iterdir())])
    assert written[0] == written[1]
    pd.testing.assert_frame_equal(troubled, before)


def test_columns_that_hold_nothing_are_drawn_and_told(troubled: pd.DataFrame, tmp_path: Path) -> None:
    """One value, no value and one category get their cards, and who runs the study reads the warnings at once."""
    page, told, _ = _write(orchard_config(), troubled, 90, tmp_path)
    assert re.findall(r"<h2>(.*?)</h2>", page) == SECTIONS
    for text in (page, told):
        assert "slope has no value in any training row" in text
        assert "sort has the same value in every row" in text


def test_words_from_data_and_config_are_escaped(troubled: pd.DataFrame, tmp_path: Path) -> None:
    """Origin and reasons stand on the page, and a value of the data cannot become part of it."""
    page, _, _ = _write(orchard_config(), troubled.iloc[::-1], 90, tmp_path)
    assert "<img src=x>" not in page
    assert "&lt;img src=x&gt;" in page
    assert "synthetic, seed 3" in page
    assert "The number on the tree&#39;s tag names the tree." in page


def test_very_few_rows_are_enough(tmp_path: Path) -> None:
    """Three rows to train and one to test make a page."""
    page, _, figures = _write(orchard_config(), orchard_frame(4), 3, tmp_path)
    assert figures["train_rows"] == 3
    assert "</html>" in page


def test_test_rows_change_the_comparison_only() -> None:
    """With another test part everything but the comparison stays the same."""
    frame = orchard_frame(400)
    one = study(orchard_config(), frame.iloc[:300], frame.iloc[300:])
    other = study(orchard_config(), frame.iloc[:300], frame.iloc[300:].sort_values("age").iloc[50:])
    assert one.comparisons != other.comparisons
    assert repr(one.profiles) == repr(other.profiles)
    assert one.relations == other.relations
    assert one.missing == other.missing
    pd.testing.assert_frame_equal(one.spearman, other.spearman)


def test_many_rows_are_sampled_for_what_is_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts are of all rows where relations rest on a sample."""
    monkeypatch.setattr(report, "SAMPLE_ROWS", 100)
    frame = orchard_frame(500)
    studied = study(orchard_config(), frame.iloc[:400], frame.iloc[400:])
    assert studied.profiles[0].rows == 400
    assert sum(item.rows for item in studied.relations[0].bins) == 100


def test_a_part_without_rows_or_columns_is_refused(tmp_path: Path) -> None:
    """What cannot be studied is named."""
    frame = orchard_frame(50)
    with pytest.raises(ValueError, match="rows in the test part, got none"):
        write_study(orchard_config(), frame, frame.iloc[:0], tmp_path, silence())
    with pytest.raises(ValueError, match="training part, got none for \\['age'\\]"):
        write_study(orchard_config(), frame.drop(columns="age"), frame, tmp_path, silence())
    assert list(tmp_path.iterdir()) == []


def test_figures_that_json_cannot_say_become_null() -> None:
    """NaN and infinity are no JSON."""
    assert json.loads(to_json({"a": float("nan"), "b": [float("inf"), 1.5], "c": (1, "x")})) == {
        "a": None,
        "b": [None, 1.5],
        "c": [1, "x"],
    }
