"""The elliptic envelope: labels -1 and 1 on every row that the proof generates."""

from __future__ import annotations

import pytest
from sklearn.covariance import EllipticEnvelope
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.tabento.export.outlier_rows import prove_detector


@pytest.mark.parametrize(
    "model",
    [
        EllipticEnvelope(random_state=1),
        EllipticEnvelope(random_state=1, contamination=0.3, assume_centered=True, support_fraction=0.8),
    ],
    ids=str,
)
def test_elliptic_envelope(model: EllipticEnvelope) -> None:
    """The graph finds the same outliers."""
    prove_detector(make_pipeline(StandardScaler(), model))
