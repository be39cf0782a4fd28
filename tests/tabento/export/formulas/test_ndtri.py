"""The inverse of the normal distribution, against SciPy's."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri
from sklearn.preprocessing import FunctionTransformer

from tabento.bundle.format import INPUT_NAME
from tabento.export.formulas.ndtri import TAIL, write_ndtri
from tabento.export.graph.writer import GraphWriter
from tests.tabento.export.tables import contract_of, number, run, write_transformer


def test_quantiles_of_all_shares() -> None:
    """From the far tails over both seams to the median, which is 0; missing stays missing."""
    contract = contract_of(number("share"))
    graph, _ = write_transformer(FunctionTransformer(), contract)
    graph.outputs = [write_ndtri(GraphWriter(graph, contract), INPUT_NAME)]
    tails = 10.0 ** np.linspace(-13, -1, 400)
    seams = np.nextafter([TAIL, TAIL, 1 - TAIL, 1 - TAIL], [0, 1, 0, 1])
    shares = np.concatenate([tails, 1 - tails, np.linspace(0.01, 0.99, 999), seams, [0.5, TAIL, 1 - TAIL, np.nan]])
    got = run(graph, shares[:, np.newaxis])[:, 0]
    np.testing.assert_allclose(got, ndtri(shares), rtol=1e-14, atol=1e-15)
    assert got[-4] == 0.0
