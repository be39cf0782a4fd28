"""Approximated kernels: the same features, and a refusal where rounding would show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.export import ExportError, export_pipeline, serialise
from tabento.parity import check_parity
from tabento.tables.frames import to_frame
from tests.tabento.export.estimator_graphs import labels, number_contract, table
from tests.tabento.export.tables import assert_same, contract_of, number, write_transformer

ROWS = (table() - table().mean(axis=0)) / table().std(axis=0)
CONTRACT = contract_of(*(number(f"x{index}") for index in range(6)))
FRAME = to_frame(ROWS[:200], CONTRACT)


@pytest.mark.parametrize(
    "model",
    [
        Nystroem(n_components=30, random_state=0),
        Nystroem(n_components=30, random_state=0, gamma=0.05),
        Nystroem(n_components=20, kernel="poly", degree=2, coef0=0.5, random_state=0),
        Nystroem(n_components=20, kernel="polynomial", random_state=0),
        Nystroem(n_components=20, kernel="sigmoid", gamma=0.01, random_state=0),
        Nystroem(n_components=20, kernel="laplacian", random_state=0),
        Nystroem(n_components=5, kernel="cosine", random_state=0),
        Nystroem(n_components=5, kernel="linear", random_state=0),
        Nystroem(n_components=20, kernel="rbf", kernel_params={"gamma": 0.3}, random_state=0),
        RBFSampler(n_components=40, random_state=0),
        RBFSampler(gamma="scale", random_state=0),
    ],
    ids=repr,
)
def test_features(model: Any) -> None:
    """Each kernel with its defaults gives the same features, also for distant rows and a row of zeros."""
    rows = np.vstack([ROWS[:400], 10 * ROWS[:10], np.zeros((1, 6))])
    assert_same(model.fit(FRAME), CONTRACT, rows, relative=1e-9)


def test_classifier_behind_features_is_proven() -> None:
    """A classifier after a scaler and the features passes the whole proof."""
    contract = number_contract(6, (0, 1), probabilities=True)
    frame, classes = to_frame(table()[:200], contract), labels(table(), [0, 1])[:200]
    for step in (Nystroem(n_components=30, random_state=0), RBFSampler(random_state=0)):
        model = make_pipeline(StandardScaler(), step, LogisticRegression()).fit(frame, classes)
        graph = serialise(export_pipeline(model, contract))
        check_parity(model, graph, contract, to_frame(table()[200:400], contract), max_rows=1000)


@pytest.mark.parametrize("kernel", ["chi2", lambda a, b: float(a @ b)], ids=["chi2", "function"])
def test_unknown_kernel_is_refused(kernel: Any) -> None:
    """The error gives the kernel's name, or states that it is custom."""
    model = Nystroem(kernel, n_components=10, random_state=0).fit(np.abs(ROWS[:50]))
    with pytest.raises(ExportError, match=r"nothing is known about the kernel.*'rbf'"):
        write_transformer(model, CONTRACT)


def test_kernel_with_too_little_rank_is_refused() -> None:
    """More components than the rank of the kernel are refused, because the normalisation enlarges rounding."""
    model = Nystroem(n_components=50, kernel="linear", random_state=0).fit(FRAME)
    with pytest.raises(ExportError, match=r"enlarges the rounding.*fewer n_components"):
        write_transformer(model, CONTRACT)
