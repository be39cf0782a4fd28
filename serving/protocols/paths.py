"""The paths of other protocols, and the form of their errors."""

from __future__ import annotations

import re

INVOCATIONS_PATH = "/invocations"
"""The path of MLflow's scoring server and of containers on SageMaker."""
PING_PATH = "/ping"
INFER_ROUTE = "/v2/models/{name}/infer"
INFER_VERSION_ROUTE = "/v2/models/{name}/versions/{version}/infer"
_INFER_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
_INFER_END = re.compile(rf"{_INFER_PATH.pattern}/*\Z")
_PREDICTION_END = re.compile(rf"(?:{_INFER_PATH.pattern}|{INVOCATIONS_PATH})/*\Z")


def infer_target(path: str) -> tuple[str, str | None] | None:
    """Return the names of the model and of its version on the path of an inference; None for another path.

    Args:
        path: without prefix and trailing slash.
    """
    match = _INFER_PATH.fullmatch(path)
    return None if match is None else (match[1], match[2])


def is_prediction_path(path: str) -> bool:
    """Return whether a path, with any prefix, is the path of a prediction in another protocol."""
    return _PREDICTION_END.search(path) is not None


def is_infer_path(path: str) -> bool:
    """Return whether a path, with any prefix, is the path of an inference."""
    return _INFER_END.search(path) is not None


def is_open_inference_path(path: str) -> bool:
    """Return whether errors on a path have the form of the Open Inference Protocol."""
    return path == "/v2" or path.startswith("/v2/")
