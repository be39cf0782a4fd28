"""Parts of dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

from tabento.transformers.date_parts import DATE_PARTS, DateParts

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@parametrize_with_checks([DateParts()])  # type: ignore[untyped-decorator]
def test_date_parts_is_a_scikit_learn_transformer(estimator: Any, check: Any) -> None:
    """Scikit-learn's own checks of a transformer pass."""
    check(estimator)


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=1, max_size=50))
def test_parts_are_those_of_the_calendar(moments: list[datetime]) -> None:
    """Every part agrees with Python's calendar, from the year 1 to 9999."""
    seconds = np.array([[(moment - EPOCH) / timedelta(seconds=1)] for moment in moments])
    # The float64 of a time near the end of a second may be that of the next one.
    moments = [EPOCH + timedelta(days=int(s // 86400), seconds=int(s % 86400)) for s in seconds[:, 0]]
    expected = [
        (m.year, m.month, m.day, m.weekday(), m.hour, m.minute, m.timetuple().tm_yday, s / 86400, s)
        for m, s in zip(moments, seconds[:, 0], strict=True)
    ]
    np.testing.assert_array_equal(DateParts().fit_transform(seconds), expected)


def test_parts_come_in_the_order_asked_for_and_missing_stays_missing() -> None:
    """Each column has its own parts, and NaN gives NaN in each of them."""
    rows = np.array([[0.0, np.nan], [-0.5, 86_400.0 * 59]])
    step = DateParts([["hour", "year"], ["weekday", "day_of_year", "month"]]).fit(rows)
    nan = np.nan
    np.testing.assert_array_equal(step.transform(rows), [[0, 1970, nan, nan, nan], [23, 1969, 6, 60, 3]])
    names = ["x0_hour", "x0_year", "x1_weekday", "x1_day_of_year", "x1_month"]
    assert step.get_feature_names_out().tolist() == names
    assert step.get_feature_names_out(["a", "b"])[0] == "a_hour"


@pytest.mark.parametrize("parts", [[["year"]], [["year"], []], [["year"], ["year", "year"]], [["year"], ["century"]]])
def test_parts_that_do_not_fit_are_refused(parts: list[Any]) -> None:
    """A list for each column, each part known and once."""
    with pytest.raises(ValueError, match="parts: expected"):
        DateParts(parts).fit(np.zeros((2, 2)))


def test_every_part_is_documented() -> None:
    """The config's type lists every part that can be computed."""
    assert len(DATE_PARTS) == 9
