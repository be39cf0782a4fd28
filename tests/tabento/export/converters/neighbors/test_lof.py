"""The refusal of the local outlier factor."""

from __future__ import annotations

import pytest
from sklearn.neighbors import LocalOutlierFactor

from tabento.export import ExportError, export_pipeline
from tabento.tables.frames import to_frame
from tests.tabento.export.outlier_rows import ROWS, outlier_contract


def test_local_outlier_factor_is_refused() -> None:
    """The error suggests other outlier detectors, not classifiers."""
    contract = outlier_contract()
    model = LocalOutlierFactor(novelty=True).fit(to_frame(ROWS, contract))
    with pytest.raises(ExportError, match=r"equally far ones.*Nearest that can: IsolationForest or OneClassSVM"):
        export_pipeline(model, contract)
