"""The error function against SciPy's."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

from tabento.export.formulas.erf import FAR, SEAM, write_erf
from tests.tabento.export.estimator_graphs import run_value


def test_all_sizes() -> None:
    """Tiny values, both seams, far ones, infinity and NaN."""
    seams = np.nextafter([SEAM, SEAM, FAR, FAR], [0, 9, 0, 9])
    sizes = np.concatenate([10.0 ** np.linspace(-300, 3, 400), np.linspace(0, 9, 999), seams, [SEAM, FAR, np.inf]])
    values = np.concatenate([sizes, -sizes, [np.nan]])[:, np.newaxis]
    np.testing.assert_allclose(run_value(write_erf, values), erf(values), rtol=1e-15)
