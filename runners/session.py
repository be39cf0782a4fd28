"""The ONNX Runtime session: one graph, one thread, rows in, predictions out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runners.errors import RunnerError
from runners.work import Values
from tabento.bundle.errors import BundleFormatError
from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.bundle.session import open_session
from tabento.bundle.texts import Texts, read_texts

if TYPE_CHECKING:
    import onnxruntime

Rows = NDArray[np.float64]
_OUTPUTS = [PREDICTION_NAME]


def _graph_function(session: onnxruntime.InferenceSession) -> Callable[..., Any]:
    """Return the function that runs a graph: outputs, inputs, options.

    ``InferenceSession.run`` checks the names of the inputs, and has a second way for other devices than the CPU, before it calls the same
    function. That takes a fifth of the time of a small graph.
    """
    inner = getattr(session, "_sess", None)
    function: Callable[..., Any] = session.run if inner is None else inner.run
    return function


class OnnxSession:
    """Runs a bundle's graph.

    Args:
        path: the ONNX file.
        features: F, the number of features.
        threads: the number of threads for one call. One is best for inexpensive rows: waking other threads costs more time than
            they save.
        width: W, if the graph answers several numbers a row, see ``tabento.bundle.contract.answer_width``; None if it answers
            one.
        arena: see ``tabento.bundle.session.open_session``.

    Raises:
        RunnerError: ONNX Runtime cannot load the file, or the graph is not one of ours.
        ImportError: ONNX Runtime itself cannot be imported, which another model would not change.
    """

    def __init__(
        self, path: Path, features: int, threads: int = 1, width: int | None = None, *, arena: bool = True
    ) -> None:
        try:
            self._session = open_session(path, threads=threads, arena=arena)
        except ImportError:
            raise
        except Exception as error:  # ONNX Runtime's errors share no public base class
            raise RunnerError(
                f"ONNX Runtime cannot load {path.name}: {str(error).rstrip('.')}. Train the model again."
            ) from error
        self.texts: Texts | None
        """The rules by which texts become numbers, which follow the numbers of the features."""
        try:
            self.texts = read_texts(self._session.get_modelmeta().custom_metadata_map)
        except BundleFormatError as error:
            raise RunnerError(f"{path.name}: {error}") from error
        if self.texts is not None and max(block.column for block in self.texts.blocks) >= features:
            raise RunnerError(f"{path.name} splits texts of a feature that does not exist. Make the model again.")
        features += 0 if self.texts is None else self.texts.width
        inputs = [(node.name, node.type, node.shape[1:]) for node in self._session.get_inputs()]
        outputs = [node.name for node in self._session.get_outputs()]
        if inputs != [(INPUT_NAME, "tensor(double)", [features])] or PREDICTION_NAME not in outputs:
            raise RunnerError(
                f"{path.name} is not a graph for this contract: expected the input {INPUT_NAME} as double (N, {features})"
                f" and the output {PREDICTION_NAME}, got {inputs} and {outputs}. Train the model again."
            )
        self._run_graph: Callable[..., Any] | None = _graph_function(self._session)
        self._row_shape: tuple[int, ...] = () if width is None else (width,)
        self.features = features
        """The number of float64 values of a row: one for each feature, and the numbers of the texts."""
        self.row_bytes = 8 * features

    def run(self, rows: Rows) -> Values:
        """Return one prediction a row: a float, or with ``width`` a list of W floats.

        Args:
            rows: float64 of shape (N, ``features``), N at least 1.

        Raises:
            RunnerError: ONNX Runtime failed, or its answer has another shape than (N,), or (N, W) with ``width``.
        """
        try:
            (prediction,) = self._run_graph(_OUTPUTS, {INPUT_NAME: rows}, None)  # type: ignore[misc]
        except Exception as error:  # see above
            raise RunnerError(f"ONNX Runtime failed on {len(rows)} rows: {error}") from error
        if len(prediction) != len(rows) or prediction.shape[1:] != self._row_shape:
            raise RunnerError(
                f"{len(rows)} rows went into the model, but its answer has the shape {prediction.shape};"
                f" expected {(len(rows), *self._row_shape)}. Train the model again."
            )
        values: Values = prediction.tolist()
        return values

    def close(self) -> None:
        """Give back the memory of the graph; later calls raise ``RunnerError``."""
        self._session = self._run_graph = None

    def run_bytes(self, data: bytes, count: int) -> Values:
        """Return one prediction a row: a float, or with ``width`` a list of W floats.

        Args:
            data: float64 in native byte order, ``count`` times ``features`` values.
            count: N, the number of rows, at least 1.

        Raises:
            RunnerError: see ``run``.
        """
        return self.run(np.frombuffer(data, np.float64).reshape(count, self.features))
