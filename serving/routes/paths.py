"""The paths on which predictions are answered."""

from __future__ import annotations

import re
from typing import NamedTuple

PREDICT_PATHS = {"/predict": False, "/api/v1/predict": False, "/predict/batch": True}
"""Each path of the default model, and whether it accepts only a list of rows."""
MODELS_PATH = "/models"
MODEL_ROUTE = "/models/{name}"
MODEL_DOCUMENT_ROUTE = "/models/{name}/docs.json"
MODEL_PREDICT_ROUTE = "/models/{name}/predict"
MODEL_BATCH_ROUTE = "/models/{name}/predict/batch"
MODELS_START = "/models/"
_MODEL_PATH = re.compile(r"/models/([a-z][a-z0-9_]*)/predict(/batch)?").fullmatch


class PredictTarget(NamedTuple):
    """The target of a prediction path."""

    name: str | None
    """The name of the model; None for the default model."""
    route: str
    """The path with placeholders, under which requests are counted."""
    batch_only: bool
    """Whether the path accepts only a list of rows."""


_DEFAULT_TARGETS = {path: PredictTarget(None, path, batch_only) for path, batch_only in PREDICT_PATHS.items()}


def predict_target(path: str) -> PredictTarget | None:
    """Return the target of a path; None if no prediction is answered there.

    Args:
        path: without prefix and trailing slash.
    """
    if target := _DEFAULT_TARGETS.get(path):
        return target
    match = _MODEL_PATH(path)
    if match is None:
        return None
    is_batch = match[2] is not None
    return PredictTarget(match[1], MODEL_BATCH_ROUTE if is_batch else MODEL_PREDICT_ROUTE, is_batch)


def model_paths(name: str) -> tuple[str, str]:
    """Return the prediction paths of a named model."""
    return f"/models/{name}/predict", f"/models/{name}/predict/batch"
