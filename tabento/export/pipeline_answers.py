"""Answers of the fitted pipeline, in the same shape as the graph's answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from tabento.bundle.contract import Contract
from tabento.export.label_answers import answers_labels, classes_of, label_sets_of


def pipeline_answers(pipeline: Any, frame: pd.DataFrame, contract: Contract) -> NDArray[np.float64]:
    """Return the answers of a fitted pipeline in the shape of the graph's output.

    Args:
        pipeline: a fitted pipeline or estimator. Its classes are the contract's, in order, or their indices; the classes
            of an outlier detector are -1 and 1.
        frame: N rows, as ``tabento.tables.frames.to_frame`` returns them.
        contract: the contract; it states whether probabilities follow the label.

    Returns:
        float64 of shape (N,) for one number per row, else of shape (N, W): several numbers; or the index of the label,
        followed by the probabilities if the contract has them; or the indices of several labels.

    Raises:
        ValueError: the pipeline's classes differ from the contract's.
    """
    if not answers_labels(pipeline):
        numbers = np.asarray(pipeline.predict(frame), dtype=np.float64)
        return numbers[:, 0] if numbers.ndim == 2 and numbers.shape[1] == 1 else numbers
    require_classes(pipeline, contract)
    if contract.output.targets is not None:
        return several_indices(pipeline.predict(frame), label_sets_of(pipeline) or [])
    parts = [label_indices(pipeline.predict(frame), classes_of(pipeline))[:, np.newaxis]]
    if contract.output.probabilities:
        parts.append(np.asarray(pipeline.predict_proba(frame), dtype=np.float64))
    return np.concatenate(parts, axis=1)


def require_classes(pipeline: Any, contract: Contract) -> None:
    """Require that a classifier has the contract's classes.

    Raises:
        ValueError: the classes or their order differ.
    """
    if contract.output.targets is not None:
        sets = [np.asarray(classes).tolist() for classes in label_sets_of(pipeline) or []]
        expected_sets = [list(classes) for classes in contract.output.label_sets]
        if sets != expected_sets:
            raise ValueError(
                f"expected the pipeline's classes in the contract's order, {expected_sets}, got {sets}: correct `output.targets`"
            )
        return
    learned = np.asarray(classes_of(pipeline), dtype=object).ravel().tolist()
    expected = list(contract.output.classes or ())
    # If the labels are not in ascending order, the pipeline learns their indices: see ``training.config.Target.learned_labels``.
    if learned != expected and (_ascends(expected) or learned != list(range(len(expected)))):
        raise ValueError(
            f"expected the pipeline's classes in the contract's order, {expected}, got {learned}: correct"
            " `output.classes`"
        )


def several_indices(labels: Any, sets: list[Any]) -> NDArray[np.float64]:
    """Return the index of each label in its own set of classes, float64 of shape (N, W).

    Args:
        labels: the output of ``predict``, of shape (N, W); some classifiers return a sparse matrix.
        sets: the classes of each of the W label columns.
    """
    label_array = np.asarray(labels.toarray() if sparse.issparse(labels) else labels)
    if label_array.ndim != 2 or label_array.shape[1] != len(sets):
        raise ValueError(
            f"expected a pipeline that predicts {len(sets)} labels per row, got the shape {label_array.shape}"
        )
    return np.stack([label_indices(label_array[:, column], classes) for column, classes in enumerate(sets)], axis=1)


def _ascends(labels: list[Any]) -> bool:
    try:
        return labels == sorted(labels)
    except TypeError:
        return True


def label_indices(labels: Any, classes: Any) -> NDArray[np.float64]:
    """Return the index of each label in ``classes``, float64 of shape (N,); NaN for a label that is not in ``classes``."""
    index_of_label = {label: float(index) for index, label in enumerate(np.asarray(classes).tolist())}
    return np.array(
        [index_of_label.get(label, np.nan) for label in np.asarray(labels).ravel().tolist()], dtype=np.float64
    )


def answer_type(pipeline: Any, frame: pd.DataFrame) -> np.dtype[Any]:
    """Return the dtype of the pipeline's answers: float32 or float64.

    Args:
        pipeline: a fitted pipeline.
        frame: one row or more.
    """
    method = pipeline.predict
    if answers_labels(pipeline):
        if not hasattr(pipeline, "predict_proba") or len(label_sets_of(pipeline) or ()) > 1:
            return np.dtype(np.float64)
        method = pipeline.predict_proba
    dtype = np.asarray(method(frame)).dtype
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)
