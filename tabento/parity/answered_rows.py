"""The rows that a pipeline answers, apart from the rows on which it raises an error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier

from tabento.bundle.contract import Contract
from tabento.export.pipeline_answers import pipeline_answers, require_classes


def answered_rows(
    pipeline: Any, frame: pd.DataFrame, contract: Contract
) -> tuple[NDArray[np.intp], NDArray[np.float64], dict[int, str]]:
    """Let a pipeline predict rows; if it raises an error, divide the rows in halves until each failing row is found.

    Args:
        pipeline: fitted.
        frame: N rows as the pipeline sees them.
        contract: the columns and the classes.

    Returns:
        The indices of the answered rows, ascending; the answers to them; by index, the error on each other row.

    Raises:
        ValueError: the pipeline's classes are not the contract's.
    """
    if is_classifier(pipeline):
        require_classes(pipeline, contract)
    pending: list[NDArray[np.intp]] = [np.arange(len(frame))]
    answered_parts: list[tuple[NDArray[np.intp], NDArray[np.float64]]] = []
    errors: dict[int, str] = {}
    while pending:
        indices = pending.pop()
        if not len(indices):
            continue
        try:
            answered_parts.append((indices, pipeline_answers(pipeline, frame.iloc[indices], contract)))
        except Exception as error:  # a pipeline can raise any type of error
            if len(indices) > 1:
                # The first half is next, so that answers are found in ascending order.
                pending += [indices[len(indices) // 2 :], indices[: len(indices) // 2]]
            else:
                errors[int(indices[0])] = f"{type(error).__name__}: {_first_line(error)}"
    if not answered_parts:
        return np.empty(0, dtype=np.intp), np.empty(0), errors
    return (
        np.concatenate([indices for indices, _ in answered_parts]),
        np.concatenate([answers for _, answers in answered_parts]),
        errors,
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")
