"""The naive conversion: skl2onnx converts and runs a pipeline as its documentation shows it.

A pipeline that begins with a ColumnTransformer gets an input for each column, ``FloatTensorType`` or
``StringTensorType``. Any other pipeline gets one tensor of floats. Rows are rounded to float32, the type of the inputs.
Texts are passed unchanged. ONNX Runtime turns a missing text into the string ``None``, as skl2onnx does with the category.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
from numpy.typing import NDArray
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from tabento.bundle.contract import Contract

BATCH = 1_000
MATRIX = "X"
"""The name of the single input of all columns."""

Feed = dict[str, NDArray[Any]]


def convert(pipeline: Any, contract: Contract) -> bytes:
    """Convert a fitted pipeline naively.

    Raises:
        Exception: any error of skl2onnx; its errors share no base class.
    """
    options = {id(pipeline): {"zipmap": False}} if is_classifier(pipeline) else None
    if _by_column(pipeline):
        kinds = {True: StringTensorType, False: FloatTensorType}
        types = [(feature.name, kinds[feature.type == "category"]([None, 1])) for feature in contract.features]
    else:
        types = [(MATRIX, FloatTensorType([None, len(contract.features)]))]
    model = convert_sklearn(pipeline, initial_types=types, options=options)
    data: bytes = model.SerializeToString()
    return data


def feed(session: onnxruntime.InferenceSession, frame: pd.DataFrame) -> Feed:
    """Convert a frame of N rows from ``tabento.tables.frames.to_frame`` into the inputs of a converted model."""
    names = [graph_input.name for graph_input in session.get_inputs()]
    with np.errstate(over="ignore"):
        if names == [MATRIX]:
            return {MATRIX: frame.to_numpy(dtype=np.float32)}
        return {name: _column(frame[name]) for name in names}


def naive_answers(session: onnxruntime.InferenceSession, values: Feed, contract: Contract) -> NDArray[np.float64]:
    """Run a converted model on N rows.

    Returns:
        The answers as ``tabento.export.pipeline_answers.pipeline_answers`` shapes them: float64 of shape (N,) for one number a
        row, else (N, W): several numbers; or the index of the label, -1 for a label outside the classes, followed by
        the probabilities.
    """
    count = len(next(iter(values.values())))
    parts: list[list[NDArray[Any]]] = []
    for start in range(0, count, BATCH):
        part = {name: values[start : start + BATCH] for name, values in values.items()}
        parts.append(session.run(None, part)[:2])
    first = np.concatenate([part[0] for part in parts])
    classes = contract.output.classes
    if classes is None:
        numbers = np.asarray(first, dtype=np.float64).reshape(count, -1)
        return numbers[:, 0] if numbers.shape[1] == 1 else numbers
    index = {label: float(index) for index, label in enumerate(classes)}
    answers = [np.array([[index.get(label, -1.0)] for label in first.ravel().tolist()], dtype=np.float64)]
    if contract.output.probabilities:
        answers.append(np.concatenate([part[1] for part in parts]).astype(np.float64))
    return np.concatenate(answers, axis=1)


def _by_column(pipeline: Any) -> bool:
    first = pipeline.steps[0][1] if isinstance(pipeline, Pipeline) else pipeline
    return isinstance(first, ColumnTransformer)


def _column(values: pd.Series[Any]) -> NDArray[Any]:
    if values.dtype == object:
        return values.to_numpy(dtype=object).reshape(-1, 1)
    return values.to_numpy(dtype=np.float32).reshape(-1, 1)
