"""ONNX Runtime in the peers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.session import Session
from tests.bundles import write_bundle


def test_rows_are_answered(tmp_path: Path) -> None:
    """Lists with None and arrays with NaN give the same float64 answers, one a row."""
    session = Session(write_bundle(tmp_path / "bundle") / "model.onnx")
    rows: list[list[Any]] = [[1.0] * 7, [None, 2.0, 0, 0, 0, 0, 1.0]]
    assert session.predict(rows) == [28.0, 11.0]
    assert session.predict(np.array(rows, dtype=np.float64)) == [28.0, 11.0]
