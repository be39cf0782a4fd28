"""Tests of the look at missing values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.studies.exploration.missing import study_missing

COLUMNS = ["tells", "twin", "chance", "full"]


def _frame(rows: int = 400) -> tuple[pd.DataFrame, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    generator = np.random.default_rng(1)
    target = generator.normal(0, 1, rows)
    high = target > 0.5
    frame = pd.DataFrame(
        {
            "tells": np.where(high, np.nan, 1.0),
            "twin": np.where(high, np.nan, 2.0),
            "chance": np.where(generator.random(rows) < 0.3, np.nan, 3.0),
            "full": 1.0,
        }
    )
    return frame, target


def test_shares_and_jaccard_indices_of_missing_values() -> None:
    """Columns that miss the same rows have an index of 1, and complete columns have none."""
    frame, target = _frame()
    missing = study_missing(frame, COLUMNS, target, 0)
    assert missing.shares["full"] == 0
    assert missing.shares["tells"] == pytest.approx(float(frame["tells"].isna().mean()))
    assert missing.jaccard_index["tells"]["twin"] == 1
    assert 0 < missing.jaccard_index["tells"]["chance"] < 0.5
    assert "full" not in missing.jaccard_index


def test_missing_values_related_to_a_number_are_found() -> None:
    """A value that is missing for high targets is related to the target; a randomly missing value is not."""
    frame, target = _frame()
    by_name = {item.name: item for item in study_missing(frame, COLUMNS, target, 0).by_target}
    assert by_name["tells"].related
    assert by_name["tells"].where_missing > by_name["tells"].where_known
    assert not by_name["chance"].related


def test_missing_values_related_to_a_class_are_found() -> None:
    """For classes the share of the last one is compared."""
    frame, target = _frame()
    by_name = {item.name: item for item in study_missing(frame, COLUMNS, (target > 0).astype(float), 2).by_target}
    assert by_name["tells"].related
    assert by_name["tells"].where_missing == 1
    assert not by_name["chance"].related


def test_a_target_that_does_not_vary_is_unrelated() -> None:
    """A constant target gives a p-value of 1 and no warning."""
    frame, _ = _frame()
    missing = study_missing(frame, ["tells"], np.ones(len(frame)), 0)
    assert missing.by_target[0].p_value == 1


def test_a_single_missing_value_is_not_tested() -> None:
    """A single missing value is not compared."""
    frame = pd.DataFrame({"a": [np.nan, 1.0, 2.0]})
    missing = study_missing(frame, ["a"], np.arange(3.0), 0)
    assert missing.by_target == ()
    assert missing.shares["a"] == pytest.approx(1 / 3)


def test_a_column_without_any_value_is_counted() -> None:
    """A column without values has a share of 1 and is not compared."""
    missing = study_missing(pd.DataFrame({"a": [np.nan, np.nan]}), ["a"], np.arange(2.0), 0)
    assert missing.shares["a"] == 1
    assert missing.by_target == ()
