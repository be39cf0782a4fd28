"""Tests of the look at missing values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.study.missing import find_missing, independence

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


def test_shares_and_company_of_missing_values() -> None:
    """Columns that are missing in the same rows have an index of 1, and full columns none."""
    frame, target = _frame()
    missing = find_missing(frame, COLUMNS, target, 0)
    assert missing.shares["full"] == 0
    assert missing.shares["tells"] == pytest.approx(float(frame["tells"].isna().mean()))
    assert missing.together["tells"]["twin"] == 1
    assert 0 < missing.together["tells"]["chance"] < 0.5
    assert "full" not in missing.together


def test_missing_that_tells_of_a_number_is_found() -> None:
    """Where the high targets lack a value it is related, where chance took values away it is not."""
    frame, target = _frame()
    by_name = {item.name: item for item in find_missing(frame, COLUMNS, target, 0).by_target}
    assert by_name["tells"].related
    assert by_name["tells"].where_missing > by_name["tells"].where_known
    assert not by_name["chance"].related


def test_missing_that_tells_of_a_class_is_found() -> None:
    """For classes the share of the last one is compared."""
    frame, target = _frame()
    by_name = {item.name: item for item in find_missing(frame, COLUMNS, (target > 0).astype(float), 2).by_target}
    assert by_name["tells"].related
    assert by_name["tells"].where_missing == 1
    assert not by_name["chance"].related


def test_a_target_that_does_not_vary_is_unrelated() -> None:
    """A constant target gives no test and no warning."""
    frame, _ = _frame()
    found = find_missing(frame, ["tells"], np.ones(len(frame)), 0)
    assert found.by_target[0].p_value == 1


def test_a_single_missing_value_is_not_tested() -> None:
    """One value has no variance to compare."""
    frame = pd.DataFrame({"a": [np.nan, 1.0, 2.0]})
    found = find_missing(frame, ["a"], np.arange(3.0), 0)
    assert found.by_target == ()
    assert found.shares["a"] == pytest.approx(1 / 3)


def test_a_column_without_any_value_is_counted() -> None:
    """All missing is a share of 1, and nothing to compare."""
    found = find_missing(pd.DataFrame({"a": [np.nan, np.nan]}), ["a"], np.arange(2.0), 0)
    assert found.shares["a"] == 1
    assert found.by_target == ()


def test_independence_of_counts() -> None:
    """Proportional rows are independent, opposite ones are not, and a single row can't be tested."""
    assert independence(np.array([[10, 20], [20, 40]])) == pytest.approx(1)
    assert independence(np.array([[50, 0], [0, 50]])) < 1e-10
    assert independence(np.array([[5, 5], [0, 0]])) == 1
