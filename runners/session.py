"""The ONNX Runtime session: one graph, one thread, rows in, predictions out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bundle.errors import BundleFormatError
from bundle.format import INPUT_NAME, PREDICTION_NAME
from bundle.texts import Texts, read_texts
from runners.errors import RunnerError
from runners.work import Values

Rows = NDArray[np.float64]


class OnnxSession:
    """Runs a bundle's graph.

    Args:
        path: the ONNX file.
        features: F, the number of features.
        threads: how many threads one call may use. One is best for cheap rows: waking others costs more than they save.
        width: W, where the graph answers several numbers a row, see ``bundle.contract.answer_width``; None where it
            answers one.

    Raises:
        RunnerError: ONNX Runtime cannot load the file, or the graph is not one of ours.
    """

    def __init__(self, path: Path, features: int, threads: int = 1, width: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        # A spinning thread pool would take the core from the event loop.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors share no public base class
            raise RunnerError(f"ONNX Runtime cannot load {path.name}: {error}. Train the model anew.") from error
        self.texts: Texts | None
        """How texts become the numbers behind those of the features."""
        try:
            self.texts = read_texts(self._session.get_modelmeta().custom_metadata_map)
        except BundleFormatError as error:
            raise RunnerError(f"{path.name}: {error}") from error
        if self.texts is not None and max(block.column for block in self.texts.blocks) >= features:
            raise RunnerError(f"{path.name} splits texts of a feature that there is not. Make the model again.")
        features += 0 if self.texts is None else self.texts.width
        inputs = [(node.name, node.type, node.shape[1:]) for node in self._session.get_inputs()]
        outputs = [node.name for node in self._session.get_outputs()]
        if inputs != [(INPUT_NAME, "tensor(double)", [features])] or PREDICTION_NAME not in outputs:
            raise RunnerError(
                f"{path.name} is not a graph for this contract: expected the input {INPUT_NAME} as double (N, {features})"
                f" and the output {PREDICTION_NAME}, got {inputs} and {outputs}. Train the model anew."
            )
        self._outputs = [PREDICTION_NAME]
        self._row_shape: tuple[int, ...] = () if width is None else (width,)
        self.features = features
        """How many numbers a row has as it travels: those of the features, and of the texts."""
        self.row_bytes = 8 * features

    def run(self, rows: Rows) -> Values:
        """Return one prediction a row: a float, or with ``width`` a list of W floats.

        Args:
            rows: float64 of shape (N, ``features``), N at least 1.

        Raises:
            RunnerError: ONNX Runtime failed, or its answer has another shape than (N,), or (N, W) with ``width``.
        """
        try:
            (prediction,) = self._session.run(self._outputs, {INPUT_NAME: rows})
        except Exception as error:  # see above
            raise RunnerError(f"ONNX Runtime failed on {len(rows)} rows: {error}") from error
        if prediction.shape != (len(rows), *self._row_shape):
            raise RunnerError(
                f"{len(rows)} rows went into the model, but an answer of shape {prediction.shape} came out;"
                f" expected {(len(rows), *self._row_shape)}. Train the model anew."
            )
        values: Values = prediction.tolist()
        return values

    def run_bytes(self, data: bytes, count: int) -> Values:
        """Return one prediction a row: a float, or with ``width`` a list of W floats.

        Args:
            data: float64 in native byte order, ``count`` times ``features`` values.
            count: N, the number of rows, at least 1.

        Raises:
            RunnerError: see ``run``.
        """
        return self.run(np.frombuffer(data, np.float64).reshape(count, self.features))
