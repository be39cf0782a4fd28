"""Gaussian processes: every supported kernel, alone and combined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
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

from tabento.export import ExportError, export_pipeline, serialise
from tabento.parity import check_parity
from tabento.tables.frames import to_frame
from tests.tabento.export.estimator_graphs import check, labels, number_contract, table, target, write

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
    """The mean is equal with and without a scaled target."""
    for scaled in (True, False):
        model = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.1, normalize_y=scaled)
        check(model.fit(ROWS[:100], NUMBERS[:100]), ROWS)


def test_default_kernel() -> None:
    """The default kernel is radial; 800 training rows are compared column by column."""
    check(GaussianProcessRegressor(alpha=0.1).fit(ROWS[:800], NUMBERS[:800]), ROWS[:300])


def test_several_targets() -> None:
    """Each target has its own weights and scale."""
    targets = np.column_stack([NUMBERS, 100 * NUMBERS])[:100]
    model = GaussianProcessRegressor(RBF(), optimizer=None, alpha=0.1, normalize_y=True).fit(ROWS[:100], targets)
    assert check(model, ROWS)["values"].shape == (2000, 2)


@pytest.mark.parametrize(
    ("kernel", "reason"),
    [(Matern(nu=0.8), "nu=0.8 needs a Bessel function"), (PairwiseKernel(), "the kernel PairwiseKernel")],
    ids=["bessel", "unknown"],
)
def test_unknown_kernel_is_refused(kernel: Any, reason: str) -> None:
    """The error names a kernel without a closed form, or of a rare kind."""
    model = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.1).fit(ROWS[:50], NUMBERS[:50])
    with pytest.raises(ExportError, match=reason):
        write(model, 6)


@pytest.mark.parametrize("kernel", [None, *KERNELS[:4], *KERNELS[6:]], ids=str)
def test_classifier_of_two_classes(kernel: Any) -> None:
    """The label is the sign of the latent function, and the probability comes from five error functions."""
    model = GaussianProcessClassifier(kernel, optimizer=None).fit(ROWS[:80], labels(RAW, ["no", "yes"])[:80])
    check(model, np.vstack([ROWS[:500], 5 * ROWS[:10]]), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("way", ["one_vs_rest", "one_vs_one"])
def test_classifier_of_many_classes(way: Any) -> None:
    """Several classes are exported each against the rest, or in pairs without probabilities."""
    model = GaussianProcessClassifier(RBF(), optimizer=None, multi_class=way).fit(
        ROWS[:90], labels(RAW, [3, 1, 2])[:90]
    )
    check(model, ROWS[:500], rtol=1e-8, atol=1e-10, without="probabilities" if way == "one_vs_one" else "")


def test_classifier_is_proven() -> None:
    """A classifier with a learned kernel passes the whole proof."""
    contract = number_contract(6, (0, 1), probabilities=True)
    model = GaussianProcessClassifier(1.0 * RBF(1.0)).fit(to_frame(ROWS[:80], contract), labels(RAW, [0, 1])[:80])
    graph = serialise(export_pipeline(model, contract))
    report = check_parity(model, graph, contract, to_frame(ROWS[100:300], contract), max_rows=1000)
    assert (report.label_flips, report.undecided) == (0, 0)


def test_classifier_without_a_kernel_of_rows_is_refused() -> None:
    """A constant kernel is refused, because it does not depend on the row."""
    model = GaussianProcessClassifier(ConstantKernel(2.0), optimizer=None).fit(ROWS[:40], labels(RAW, [0, 1])[:40])
    with pytest.raises(ExportError, match=r"the same for all rows.*RBF"):
        write(model, 6)
