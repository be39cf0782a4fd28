"""Refusals: what a library says about a parameter, in the words of the config that set it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from training.config import Estimator, Kind, Param, Task
from training.estimators import class_name

_SKLEARN = re.compile(r"The '(?P<name>\w+)' parameter of (?P<owner>\w+) (?P<rest>.*)", re.DOTALL)
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True)
class _Part:
    """One estimator of a config that has parameters of its own."""

    where: str
    """Its key in the config."""
    kind: Kind
    params: Mapping[str, Param]


def refused_parameter(error: Exception, estimator: Estimator, task: Task) -> str | None:
    """Say which of a config's parameters a fit has failed on.

    Args:
        error: raised by the fit.
        estimator: what was fitted.
        task: what it answers.

    Returns:
        The config's key and what is wrong with its value, or None where the error is about something else.
    """
    text = str(error).strip()
    said = _SKLEARN.match(text)
    if said:
        for part in _parts(estimator):
            if said["name"] in part.params and class_name(part.kind, task) == said["owner"]:
                return f"{part.where}.params.{said['name']}: {said['rest']}"
        return None
    library = type(error).__module__.partition(".")[0]
    for part in _parts(estimator):
        if part.kind == library and part.params:
            # Both libraries have several names for a parameter, and may answer with another than the config's.
            named = [name for name in _WORDS.findall(text) if name in part.params]
            key = f"{part.where}.params.{named[0]}" if named else f"{part.where}.params"
            return f"{key}: {library} refuses it, {dict(part.params)}: {text}"
    return None


def _parts(estimator: Estimator) -> list[_Part]:
    parts = [_Part("estimator", estimator.kind, estimator.params)]
    parts += [_Part(f"estimator.members.{at}", item.kind, item.params) for at, item in enumerate(estimator.members)]
    if estimator.final is not None:
        parts.append(_Part("estimator.final", estimator.final.kind, estimator.final.params))
    return parts
