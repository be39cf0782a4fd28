"""The names of the classes in a pipeline."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

OWN_STEPS = "benchmarks.judge.catalogue.own_steps"
"""The module of the classes that pipelines' owners write themselves."""


NEIGHBOURS = "Neighbors"
"""A part of the names of classes with neighbours, whose votes the rule for coupled probabilities would hide."""


def couples_probabilities(pipeline: Any) -> bool:
    """Return True if libsvm couples probabilities in the pipeline, in rounds with a stopping rule, and no neighbours vote."""
    parameters = pipeline.get_params(deep=True) if hasattr(pipeline, "get_params") else {}
    has_probabilities = any(
        name.rpartition("__")[2] == "probability" and value is True for name, value in parameters.items()
    )
    names = class_names(pipeline)
    return has_probabilities and "SVC" in "".join(names) and not any(NEIGHBOURS in name for name in names)


def class_names(pipeline: Any) -> tuple[str, ...]:
    """Return the names of all estimators and transformers inside a pipeline, each once, sorted."""
    names: set[str] = set()
    visited: set[int] = set()
    pending: list[tuple[Any, int]] = [(pipeline, 0)]
    while pending:
        thing, depth = pending.pop()
        if id(thing) in visited or depth > 30:
            continue
        visited.add(id(thing))
        if isinstance(thing, dict):
            pending += [(value, depth + 1) for value in thing.values()]
        elif isinstance(thing, list | tuple):
            pending += [(value, depth + 1) for value in thing[:40]]
        elif isinstance(thing, BaseEstimator) or hasattr(thing, "get_params"):
            names.add(_name(type(thing)))
            # Parameters only: the owner did not write the trees that a forest fits.
            pending += [(value, depth + 1) for value in getattr(thing, "get_params", dict)(deep=False).values()]
    return tuple(sorted(names))


def _name(kind: type) -> str:
    """Return a class's name; with its package for imbalanced-learn, which has a Pipeline too; ``own class`` for a custom class."""
    if kind.__module__ == OWN_STEPS:
        return "own class"
    return f"imblearn.{kind.__name__}" if kind.__module__.startswith("imblearn.") else kind.__name__
