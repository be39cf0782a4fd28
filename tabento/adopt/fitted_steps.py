"""The estimators inside a loaded pipeline, each with its step."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline


@dataclass(frozen=True)
class FittedStep:
    """One estimator of a pipeline."""

    path: str
    """The names of the steps that lead to it, with dots between them; empty for a pipeline that is one estimator."""
    owner: Any
    """The step at the path."""
    estimator: Any
    """The step itself, or an estimator inside it, such as a tree of a forest."""

    def in_words(self) -> str:
        """Return the step's name and class."""
        kind = type(self.owner).__name__
        return f"step {self.path!r} ({kind})" if self.path else f"the {kind}"


def fitted_steps(pipeline: Any, path: str = "") -> Iterator[FittedStep]:
    """Yield every estimator of a pipeline once; no step runs."""
    children: list[tuple[str, Any]] | None = None
    if isinstance(pipeline, Pipeline):
        children = list(getattr(pipeline, "steps", ()))
    elif isinstance(pipeline, FeatureUnion):
        children = list(getattr(pipeline, "transformer_list", ()))
    elif isinstance(pipeline, ColumnTransformer):
        children = [
            (name, step) for name, step, *_ in getattr(pipeline, "transformers_", getattr(pipeline, "transformers", ()))
        ]
    if children is None:
        if isinstance(pipeline, BaseEstimator):
            yield from (FittedStep(path, pipeline, estimator) for estimator in _held_estimators(pipeline))
        return
    yield FittedStep(path, pipeline, pipeline)
    for name, step in children:
        if not isinstance(step, str) and step is not None:
            yield from fitted_steps(step, f"{path}.{name}" if path else str(name))


def _held_estimators(estimator: Any) -> Iterator[Any]:
    """Yield an estimator and every estimator in its attributes, through lists, mappings and arrays of objects."""
    visited: set[int] = set()
    pending: deque[Any] = deque([estimator])
    while pending:
        value = pending.popleft()
        if isinstance(value, type) or id(value) in visited:
            continue
        if isinstance(value, BaseEstimator):
            visited.add(id(value))
            yield value
            pending.extend(vars(value).values())
        elif isinstance(value, dict):
            visited.add(id(value))
            pending.extend(value.values())
        elif isinstance(value, list | tuple | set):
            visited.add(id(value))
            pending.extend(value)
        elif isinstance(value, np.ndarray) and value.dtype == object:
            visited.add(id(value))
            pending.extend(value.ravel().tolist())
        elif type(value).__name__ == "_CalibratedClassifier":
            visited.add(id(value))
            pending.extend(vars(value).values())
