"""The naive conversion: a pipeline through skl2onnx as its documentation shows it, and asked as it shows it.

A pipeline that begins with a ColumnTransformer gets an input for each column, ``FloatTensorType`` or
``StringTensorType``; any other gets one tensor of floats. Rows are rounded to float32, as the graph's inputs ask. Texts are
given as they are in the frame; of a missing one ONNX Runtime makes the string ``None``, as skl2onnx does of the category.
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

from bundle.contract import Contract

BATCH = 1_000
MATRIX = "X"
"""The name of the one input where columns are not told apart."""

Feed = dict[str, NDArray[Any]]


def convert(pipeline: Any, contract: Contract) -> bytes:
    """Convert a fitted pipeline naively.

    Raises:
        Exception: whatever skl2onnx raises; its errors share no base class.
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
    """Turn a frame of N rows, as ``training.frames.to_frame`` makes it, into what a converted model takes."""
    names = [given.name for given in session.get_inputs()]
    with np.errstate(over="ignore"):
        if names == [MATRIX]:
            return {MATRIX: frame.to_numpy(dtype=np.float32)}
        return {name: _column(frame[name]) for name in names}


def ask(session: onnxruntime.InferenceSession, given: Feed, contract: Contract) -> NDArray[np.float64]:
    """Ask a converted model about N rows.

    Returns:
        The answers as ``training.parity.answers.pipeline_answers`` shapes them: float64 of shape (N,) for one number a
        row, else (N, W): several numbers; or the index of the label, -1 for one that is no class, and the
        probabilities behind it.
    """
    count = len(next(iter(given.values())))
    parts: list[list[NDArray[Any]]] = []
    for start in range(0, count, BATCH):
        part = {name: values[start : start + BATCH] for name, values in given.items()}
        parts.append(session.run(None, part)[:2])
    first = np.concatenate([part[0] for part in parts])
    classes = contract.output.classes
    if classes is None:
        numbers = np.asarray(first, dtype=np.float64).reshape(count, -1)
        return numbers[:, 0] if numbers.shape[1] == 1 else numbers
    index = {label: float(at) for at, label in enumerate(classes)}
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
