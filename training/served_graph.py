"""The served graph, asked as the service asks it: packed rows in, answers out, one thread."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bundle.format import INPUT_NAME, PREDICTION_NAME
from training.wide_rows import wide_rows


def open_graph(model: bytes | str) -> onnxruntime.InferenceSession:
    """Open a serialised graph, or the file of one, for one thread.

    With more, ONNX Runtime adds trees up in another order and the last bit depends on the machine.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def graph_answers(session: onnxruntime.InferenceSession, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ask a graph.

    Args:
        session: of ``open_graph``.
        rows: float64 of shape (N, F), as ``training.frames.to_rows`` packs them.

    Returns:
        float64 of shape (N,), or (N, W) for a classification.
    """
    return np.asarray(session.run([PREDICTION_NAME], {INPUT_NAME: wide_rows(session, rows)})[0], dtype=np.float64)
