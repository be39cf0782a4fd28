"""The members on real data, with a synthetic table of the same columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.process import BenchmarkError
from benchmarks.zoo import california
from benchmarks.zoo.california import BOOSTED, FOREST


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Return a file of 200 synthetic block groups."""
    draw = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "longitude": draw.uniform(-124, -114, 200),
            "total_bedrooms": np.where(draw.random(200) < 0.1, np.nan, draw.integers(1, 3000, 200)),
            "median_house_value": draw.uniform(1e4, 5e5, 200),
            "ocean_proximity": "INLAND",
        }
    )
    path = tmp_path / "california.csv"
    frame.to_csv(path, index=False)
    return path


def test_members_take_the_numeric_columns(csv: Path) -> None:
    """Gradient boosting also uses the column with missing values, the forest only complete columns; half of the rows are the test split."""
    boosted = california.california(csv, BOOSTED)
    assert boosted.contract.feature_names == ("longitude", "total_bedrooms")
    assert boosted.contract.features[1].nullable
    assert boosted.pipeline.predict(boosted.test).shape == (100,)
    assert california.california(csv, FOREST).contract.feature_names == ("longitude",)


def test_other_files_are_refused(tmp_path: Path) -> None:
    """A missing file and another table are errors with the path or the missing column."""
    with pytest.raises(BenchmarkError, match=r"none\.csv"):
        california.california(tmp_path / "none.csv", BOOSTED)
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(BenchmarkError, match="total_bedrooms"):
        california.california(other, FOREST)
