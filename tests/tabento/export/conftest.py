"""A fitted pipeline on an invented table, the orchard, and its rows, shared by the tests of the export."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from tabento.bundle.contract import Contract
from tabento.tables.frames import to_rows
from tests.training.orchards import orchard_config, orchard_frame
from training.model.pipeline import fit_pipeline


@pytest.fixture(scope="session")
def contract() -> Contract:
    """Return the orchard's contract."""
    return orchard_config().contract()


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    """Return the orchard's pipeline, fitted on a logarithmic target."""
    return fit_pipeline(orchard_config(), orchard_frame(500))


@pytest.fixture(scope="session")
def rows(contract: Contract) -> NDArray[np.float64]:
    """Return 300 packed rows that the pipeline has not seen, the training's own values among them."""
    return to_rows(orchard_frame(300, seed=8), contract)
