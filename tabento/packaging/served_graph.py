"""The served graph, run as the service runs it: packed rows in, answers out, one thread."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.tables.wide_rows import wide_rows


def graph_answers(session: onnxruntime.InferenceSession, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the answers of a graph to packed rows.

    Args:
        session: the graph, see ``tabento.bundle.session``.
        rows: float64 of shape (N, F), as ``tabento.tables.frames.to_rows`` packs them.

    Returns:
        float64 of shape (N,), or (N, W) for a classification.
    """
    return np.asarray(session.run([PREDICTION_NAME], {INPUT_NAME: wide_rows(session, rows)})[0], dtype=np.float64)
