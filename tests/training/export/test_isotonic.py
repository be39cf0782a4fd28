"""Isotonic regression: lines of straight pieces, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from tests.training.export.written import check, run_value, table, target, write
from training.export import ExportError
from training.export.isotonic import broken_lines

RAW = table()
NUMBERS = target(RAW)


@pytest.mark.parametrize("bounds", ["clip", "nan"])
@pytest.mark.parametrize("increasing", [True, False])
def test_broken_line(increasing: bool, bounds: str) -> None:
    """Between, on and beyond the points on which it was fitted, bit for bit."""
    column = NUMBERS[:, np.newaxis]
    model = IsotonicRegression(increasing=increasing, out_of_bounds=bounds).fit(column[:300], RAW[:300, 0])
    probe = np.concatenate([NUMBERS, model.X_thresholds_, np.nextafter(model.X_thresholds_, np.inf)])[:, np.newaxis]
    check(model, probe, rtol=0, atol=0)


def test_line_of_one_point() -> None:
    """A single point is the same everywhere."""
    model = IsotonicRegression(out_of_bounds="clip").fit(np.ones((5, 1)), np.arange(5.0))
    check(model, RAW[:, :1])


def test_line_that_raises_is_refused() -> None:
    """A line that refuses what it does not know cannot be exported."""
    model = IsotonicRegression(out_of_bounds="raise").fit(RAW[:50, :1], NUMBERS[:50])
    with pytest.raises(ExportError, match="out_of_bounds='clip'"):
        write(model, 1)
    with pytest.raises(ExportError, match="one column and gets 6"):
        write(model, 6)


def test_lines_side_by_side() -> None:
    """Each column has a line of its own, whatever their numbers of pieces."""
    lines = [
        IsotonicRegression(out_of_bounds="clip").fit(RAW[:size, at], NUMBERS[:size])
        for at, size in enumerate((9, 1, 400))
    ]
    got = run_value(lambda pen, value: broken_lines(pen, lines, value), RAW[:, :3])
    np.testing.assert_array_equal(got, np.column_stack([line.predict(RAW[:, at]) for at, line in enumerate(lines)]))
