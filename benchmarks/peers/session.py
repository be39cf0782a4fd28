"""ONNX Runtime as every peer runs it: one thread, no spinning, as Tabento does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

INPUT_NAME = "rows"
OUTPUT_NAMES = ["prediction"]


class Session:
    """A loaded graph.

    Args:
        path: the ONNX file of a bundle.
    """

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # A spinning thread pool would take the one core from the event loop.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._run = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run

    def predict(self, rows: list[list[Any]] | NDArray[np.float64]) -> list[float]:
        """Return one prediction a row, of N rows of F numbers; None or NaN represents a missing value."""
        values: list[float] = self._run(OUTPUT_NAMES, {INPUT_NAME: np.asarray(rows, dtype=np.float64)})[0].tolist()
        return values
