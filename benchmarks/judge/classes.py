"""The names of the classes of which a fitted pipeline is made."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

OWN_STEPS = "benchmarks.judge.catalogue.own_steps"
"""Where the catalogue keeps what people write themselves."""


JUMPING = "Neighbors"
"""A part of the names of classes whose votes would hide behind that rule."""


def couples(pipeline: Any) -> bool:
    """Say whether libsvm couples probabilities in a pipeline, in rounds with a rule to stop, and no neighbours vote in it."""
    parameters = pipeline.get_params(deep=True) if hasattr(pipeline, "get_params") else {}
    asked = any(name.rpartition("__")[2] == "probability" and value is True for name, value in parameters.items())
    names = class_names(pipeline)
    return asked and "SVC" in "".join(names) and not any(JUMPING in name for name in names)


def class_names(pipeline: Any) -> tuple[str, ...]:
    """Return the names of all estimators and transformers inside a pipeline, each once, sorted."""
    found: set[str] = set()
    seen: set[int] = set()
    pending: list[tuple[Any, int]] = [(pipeline, 0)]
    while pending:
        thing, depth = pending.pop()
        if id(thing) in seen or depth > 30:
            continue
        seen.add(id(thing))
        if isinstance(thing, dict):
            pending += [(value, depth + 1) for value in thing.values()]
        elif isinstance(thing, list | tuple):
            pending += [(value, depth + 1) for value in thing[:40]]
        elif isinstance(thing, BaseEstimator) or hasattr(thing, "get_params"):
            found.add(_name(type(thing)))
            # Parameters only: what a forest fits inside itself, its owner did not write.
            pending += [(value, depth + 1) for value in getattr(thing, "get_params", dict)(deep=False).values()]
    return tuple(sorted(found))


def _name(kind: type) -> str:
    """Return a class's name: imbalanced-learn's with its package, for it has a Pipeline too; of people's own none."""
    if kind.__module__ == OWN_STEPS:
        return "own class"
    return f"imblearn.{kind.__name__}" if kind.__module__.startswith("imblearn.") else kind.__name__
