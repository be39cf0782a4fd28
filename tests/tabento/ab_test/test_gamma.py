"""Logarithms of gamma and beta functions equal SciPy's."""

from __future__ import annotations

import numpy as np
from scipy import special

from tabento.ab_test.gamma import log_beta, log_gamma


def test_log_gamma_equals_scipys() -> None:
    """The series and the recurrence agree with SciPy to 12 digits from tiny to huge arguments."""
    values = np.geomspace(1e-6, 1e9, 2_000)
    np.testing.assert_allclose(log_gamma(values), special.gammaln(values), rtol=1e-12, atol=1e-12)


def test_log_beta_broadcasts() -> None:
    """Arguments of several shapes are combined as NumPy does."""
    a, b = np.array([[0.5], [3.0]]), np.array([0.5, 2.0, 100.0])
    np.testing.assert_allclose(log_beta(a, b), special.betaln(a, b), rtol=1e-12, atol=1e-12)
