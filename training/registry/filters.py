"""Conditions on metrics, as users write them: ``wmape<8``, ``r2>=0.85``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable

from training.registry.errors import RegistryError
from training.registry.version import Version

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_FORM = re.compile(r"^\s*([\w.\- ]+?)\s*(<=|>=|!=|<|>|=)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*$")


def filter_versions(versions: Iterable[Version], conditions: Iterable[str]) -> list[Version]:
    """Return the versions that meet every condition; a version without the metric does not.

    Raises:
        RegistryError: a condition cannot be read.
    """
    read = [_condition(text) for text in conditions]
    return [version for version in versions if all(meets(version.metrics) for meets in read)]


def _condition(text: str) -> Callable[[dict[str, float]], bool]:
    match = _FORM.match(text)
    if match is None:
        raise RegistryError(f"--where: expected a condition such as 'wmape<8', got {text!r}.")
    name, sign, limit = match[1], match[2], float(match[3])
    return lambda metrics: name in metrics and _OPERATORS[sign](metrics[name], limit)
