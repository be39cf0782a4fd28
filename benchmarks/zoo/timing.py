"""Graphs in ONNX Runtime, on one thread, as functions to be timed in alternation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from tabento.bundle.session import LOG_FATAL_ERRORS, open_session

ROUNDS = 25
"""The number of rounds of each graph, in alternation. The best round is the result, because the others were disturbed."""

Feed = Mapping[str, NDArray[Any]]


def session(model: bytes) -> onnxruntime.InferenceSession:
    """Open a graph as the service does. An error is raised, and is not also printed between the lines of progress."""
    return open_session(model, log_severity=LOG_FATAL_ERRORS)


def runner(graph_session: onnxruntime.InferenceSession, outputs: list[str] | None, feed: Feed) -> Callable[[], object]:
    """Return a function that runs a graph on the rows of ``feed``."""
    values = dict(feed)

    def run() -> object:
        return graph_session.run(outputs, values)

    return run
