"""The pipeline's answers, in the shape in which the graph gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from bundle.contract import Contract
from training.export.label_answers import answers_labels, classes_of, label_sets_of


def pipeline_answers(pipeline: Any, frame: pd.DataFrame, contract: Contract) -> NDArray[np.float64]:
    """Ask the fitted pipeline what the graph is asked.

    Args:
        pipeline: a fitted pipeline or estimator; its classes are the contract's, in order, or their places; those of an
            outlier detector are -1 and 1.
        frame: N rows, as ``training.frames.to_frame`` makes them.
        contract: says whether labels come with probabilities.

    Returns:
        float64 of shape (N,) for one number a row, else (N, W): several numbers; or the index of the label and, where
        the contract asks for them, the probabilities behind it; or the indices of several labels.

    Raises:
        ValueError: the classes are not the contract's.
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
    """Compare a classifier's classes with the contract's.

    Raises:
        ValueError: they are not the same, in the same order.
    """
    if contract.output.targets is not None:
        sets = [np.asarray(own).tolist() for own in label_sets_of(pipeline) or []]
        wanted = [list(own) for own in contract.output.label_sets]
        if sets != wanted:
            raise ValueError(
                f"expected the pipeline's classes in the contract's order, {wanted}, got {sets}: correct `output.targets`"
            )
        return
    learned = np.asarray(classes_of(pipeline), dtype=object).ravel().tolist()
    promised = list(contract.output.classes or ())
    # Labels that do not ascend are learned as their places: see ``training.config.Target.learned_labels``.
    if learned != promised and (_ascends(promised) or learned != list(range(len(promised)))):
        raise ValueError(
            f"expected the pipeline's classes in the contract's order, {promised}, got {learned}: correct"
            " `output.classes`"
        )


def several_indices(labels: Any, sets: list[Any]) -> NDArray[np.float64]:
    """Return the places of several labels a row, each in its own classes, (N, W); some classifiers answer a sparse matrix."""
    given = np.asarray(labels.toarray() if sparse.issparse(labels) else labels)
    if given.ndim != 2 or given.shape[1] != len(sets):
        raise ValueError(f"expected a pipeline that answers {len(sets)} labels a row, got the shape {given.shape}")
    return np.stack([label_indices(given[:, at], own) for at, own in enumerate(sets)], axis=1)


def _ascends(labels: list[Any]) -> bool:
    try:
        return labels == sorted(labels)
    except TypeError:
        return True


def label_indices(labels: Any, classes: Any) -> NDArray[np.float64]:
    """Return the place of each label in ``classes``, float64 of shape (N,); NaN for a label that is not there."""
    places = {label: float(at) for at, label in enumerate(np.asarray(classes).tolist())}
    return np.array([places.get(label, np.nan) for label in np.asarray(labels).ravel().tolist()], dtype=np.float64)


def answer_type(pipeline: Any, frame: pd.DataFrame) -> np.dtype[Any]:
    """Return the type of floats in which the pipeline answers: float32 or float64.

    Args:
        pipeline: fitted.
        frame: a row or more.
    """
    method = pipeline.predict
    if answers_labels(pipeline):
        if not hasattr(pipeline, "predict_proba") or len(label_sets_of(pipeline) or ()) > 1:
            return np.dtype(np.float64)
        method = pipeline.predict_proba
    kind = np.asarray(method(frame)).dtype
    return np.dtype(np.float32 if kind == np.float32 else np.float64)
