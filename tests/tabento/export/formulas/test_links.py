"""Links: sigmoid and softmax against scipy's, over the whole range of doubles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.special import softmax as exact_softmax

from tabento.export.formulas import links
from tests.tabento.export.estimator_graphs import run_value

WIDE = np.concatenate(
    [
        np.linspace(-50, 50, 4001),
        [-1e300, -800.0, -746.0, -709.5, -1e-300, -0.0, 0.0, 5e-324, 36.8, 709.5, 800.0, 1e300],
    ]
)


def test_sigmoid_is_scipys() -> None:
    """The sigmoid differs from SciPy's by at most 1e-15 relative for normal results, and is never NaN."""
    got = run_value(links.sigmoid, WIDE[:, np.newaxis])[:, 0]
    np.testing.assert_allclose(got, expit(WIDE), rtol=1e-15, atol=1e-307)


def test_falling_sigmoid_mirrors_it() -> None:
    """It is the sigmoid of the negated value, bit for bit."""
    rising = run_value(links.sigmoid, WIDE[:, np.newaxis])
    np.testing.assert_array_equal(rising, run_value(links.falling_sigmoid, -WIDE[:, np.newaxis]))


@pytest.mark.parametrize("width", [2, 3, 7, 40])
def test_softmax_is_scipys(width: int) -> None:
    """Rows far apart, equal and huge included."""
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((500, width)) * np.logspace(-3, 3, 500)[:, np.newaxis]
    rows = np.vstack([rows, np.zeros((1, width)), np.full((1, width), 1e300), np.full((1, width), -1e300)])
    np.testing.assert_allclose(run_value(links.softmax, rows), exact_softmax(rows, axis=1), rtol=2e-15, atol=1e-307)


def test_first_of_equals_is_highest() -> None:
    """As `argmax` decides."""
    rows = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 2.0], [-0.0, 0.0, -1.0], [-np.inf, 5.0, np.inf]])
    np.testing.assert_array_equal(run_value(links.label_of_largest, rows)[:, 0], rows.argmax(axis=1))


def test_above_is_strict() -> None:
    """A value on the threshold is the first class."""
    rows = np.array([[-1.0], [-0.0], [0.0], [5e-324], [1.0]])
    np.testing.assert_array_equal(run_value(links.label_above, rows)[:, 0], [0, 0, 0, 1, 1])


def test_shares_of_zeros() -> None:
    """A row of zeros becomes uniform, or stays a row of zeros if the caller asks for it."""
    rows = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 2.0]])
    uniform = run_value(lambda writer, value: links.divide_by_row_sum(writer, value, 4), rows)
    np.testing.assert_array_equal(uniform, [[0.25] * 4, [0.25, 0.25, 0.0, 0.5]])
    zero = run_value(lambda writer, value: links.divide_by_row_sum(writer, value, 4, otherwise="zero"), rows)
    np.testing.assert_array_equal(zero, [[0.0] * 4, [0.25, 0.25, 0.0, 0.5]])


def test_two_classes_from_one() -> None:
    """Probabilities are 1 - p and p, decisions -x and x."""
    rows = np.array([[0.25], [1.0]])
    np.testing.assert_array_equal(run_value(links.both_probabilities, rows), [[0.75, 0.25], [0.0, 1.0]])
    np.testing.assert_array_equal(run_value(links.both_scores, rows), [[-0.25, 0.25], [-1.0, 1.0]])
