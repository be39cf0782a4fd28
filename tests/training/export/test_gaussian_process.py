"""Gaussian processes: every kernel that is known, alone and combined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Exponentiation,
    ExpSineSquared,
    Matern,
    PairwiseKernel,
    RationalQuadratic,
    WhiteKernel,
)

from tests.training.export.written import check, table, target, write
from training.export import ExportError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
NUMBERS = target(RAW)
KERNELS = [
    RBF(),
    RBF(np.array([1.0, 2.0, 3.0, 1.0, 2.0, 3.0])),
    ConstantKernel(2.0) * RBF(0.7) + WhiteKernel(0.1),
    ConstantKernel(2.0) + RBF(),
    ConstantKernel(2.0) * ConstantKernel(3.0) + WhiteKernel(0.1),
    Exponentiation(ConstantKernel(2.0), 3),
    *(Matern(1.3, nu=nu) + WhiteKernel(0.1) for nu in (0.5, 1.5, 2.5, np.inf)),
    RationalQuadratic(1.2, 0.8) * RBF(3.0),
    ExpSineSquared(1.5, 4.0) + WhiteKernel(20.0),
    DotProduct(0.5) + WhiteKernel(0.1),
    Exponentiation(DotProduct(0.5), 2),
]


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_mean_of_the_process(kernel: Any) -> None:
    """With and without a scaled target."""
    for scaled in (True, False):
        model = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.1, normalize_y=scaled)
        check(model.fit(ROWS[:100], NUMBERS[:100]), ROWS)


def test_default_kernel() -> None:
    """Without a kernel it is a radial one; 800 training rows are compared column by column."""
    check(GaussianProcessRegressor(alpha=0.1).fit(ROWS[:800], NUMBERS[:800]), ROWS[:300])


def test_several_targets() -> None:
    """Each target has its own weights and scale."""
    both = np.column_stack([NUMBERS, 100 * NUMBERS])[:100]
    model = GaussianProcessRegressor(RBF(), optimizer=None, alpha=0.1, normalize_y=True).fit(ROWS[:100], both)
    assert check(model, ROWS)["values"].shape == (2000, 2)


@pytest.mark.parametrize(
    ("kernel", "reason"),
    [(Matern(nu=0.8), "nu=0.8 needs a Bessel function"), (PairwiseKernel(), "the kernel PairwiseKernel")],
    ids=["bessel", "unknown"],
)
def test_unknown_kernel_is_refused(kernel: Any, reason: str) -> None:
    """A kernel without a closed form, or of a rarer kind, is named."""
    model = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.1).fit(ROWS[:50], NUMBERS[:50])
    with pytest.raises(ExportError, match=reason):
        write(model, 6)
