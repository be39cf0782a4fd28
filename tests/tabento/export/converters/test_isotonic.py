"""Isotonic regression: lines of straight pieces, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from tabento.export import ExportError
from tabento.export.converters.isotonic import broken_lines
from tests.tabento.export.estimator_graphs import check, run_value, table, target, write

RAW = table()
NUMBERS = target(RAW)


@pytest.mark.parametrize("bounds", ["clip", "nan"])
@pytest.mark.parametrize("increasing", [True, False])
def test_broken_line(increasing: bool, bounds: str) -> None:
    """Values between, on and outside the fitted points are equal bit for bit."""
    column = NUMBERS[:, np.newaxis]
    model = IsotonicRegression(increasing=increasing, out_of_bounds=bounds).fit(column[:300], RAW[:300, 0])
    probe = np.concatenate([NUMBERS, model.X_thresholds_, np.nextafter(model.X_thresholds_, np.inf)])[:, np.newaxis]
    check(model, probe, rtol=0, atol=0)


def test_line_of_one_point() -> None:
    """A line of a single point is constant."""
    model = IsotonicRegression(out_of_bounds="clip").fit(np.ones((5, 1)), np.arange(5.0))
    check(model, RAW[:, :1])


def test_line_that_raises_is_refused() -> None:
    """A line that raises outside its range is refused."""
    model = IsotonicRegression(out_of_bounds="raise").fit(RAW[:50, :1], NUMBERS[:50])
    with pytest.raises(ExportError, match="out_of_bounds='clip'"):
        write(model, 1)
    with pytest.raises(ExportError, match="one column and gets 6"):
        write(model, 6)


def test_lines_side_by_side() -> None:
    """Each column has its own line, with any number of pieces."""
    lines = [
        IsotonicRegression(out_of_bounds="clip").fit(RAW[:size, index], NUMBERS[:size])
        for index, size in enumerate((9, 1, 400))
    ]
    actual = run_value(lambda writer, value: broken_lines(writer, lines, value), RAW[:, :3])
    np.testing.assert_array_equal(
        actual, np.column_stack([line.predict(RAW[:, index]) for index, line in enumerate(lines)])
    )
