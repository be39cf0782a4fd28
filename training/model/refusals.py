"""Refused parameters: the error of a library, as a message that names the key of the config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from training.config import Estimator, Kind, Param, Task
from training.model.estimator_kinds import class_name

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
    """Return a message about the parameter of a config that made a fit fail.

    Args:
        error: the error of the fit.
        estimator: the fitted estimator.
        task: the task of the estimator.

    Returns:
        The config's key and the fault of its value, or None if the error has another cause.
    """
    text = str(error).strip()
    match = _SKLEARN.match(text)
    if match:
        for part in _parts(estimator):
            if match["name"] in part.params and class_name(part.kind, task) == match["owner"]:
                return f"{part.where}.params.{match['name']}: {match['rest']}"
        return None
    library = type(error).__module__.partition(".")[0]
    for part in _parts(estimator):
        if part.kind == library and part.params:
            # Both libraries have several names for a parameter, and their message can use another name than the config.
            mentioned_params = [name for name in _WORDS.findall(text) if name in part.params]
            key = f"{part.where}.params.{mentioned_params[0]}" if mentioned_params else f"{part.where}.params"
            return f"{key}: {library} refuses it, {dict(part.params)}: {text}"
    return None


def _parts(estimator: Estimator) -> list[_Part]:
    parts = [_Part("estimator", estimator.kind, estimator.params)]
    parts += [
        _Part(f"estimator.members.{index}", item.kind, item.params) for index, item in enumerate(estimator.members)
    ]
    if estimator.final is not None:
        parts.append(_Part("estimator.final", estimator.final.kind, estimator.final.params))
    return parts
