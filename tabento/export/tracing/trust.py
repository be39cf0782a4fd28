"""Trust: the functions and classes of a user that tracing is allowed to call."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.special import expit

_NAMES: ContextVar[Mapping[str, set[str]]] = ContextVar("trusted_functions", default=MappingProxyType({}))
"""By trusted name: the set to which the name is added when it is used."""
FLAG = "--trust-function"
"""The option of ``tabento import`` that names a trusted function or class."""


@contextmanager
def trusted_functions(names: Collection[str]) -> Iterator[set[str]]:
    """Allow functions and classes to be traced, which runs their code, while the block runs.

    Args:
        names: ``module.function`` or ``module.Class``, as ``full_name`` returns them.

    Yields:
        The set of the names that were used so far.
    """
    used: set[str] = set()
    token = _NAMES.set({**_NAMES.get(), **dict.fromkeys(names, used)})
    try:
        yield used
    finally:
        _NAMES.reset(token)


def is_trusted(function: Any) -> bool:
    """Return whether a function or class is trusted. If so, its name is recorded as used."""
    name, names = full_name(function), _NAMES.get()
    if name in names:
        names[name].add(name)
    return name in names


def full_name(function: Any) -> str:
    """Return the name under which a function or class is trusted: ``module.name``."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{getattr(function, '__module__', None) or type(function).__module__}.{name}"


def is_numpys(function: Any) -> bool:
    """Return whether a function belongs to NumPy. It needs no trust then."""
    if isinstance(function, functools.partial):
        return is_numpys(function.func)
    if isinstance(function, np.ufunc):
        return function is expit or getattr(np, function.__name__, None) is function
    name = getattr(function, "__name__", "")
    return bool(name) and getattr(np, name, None) is function
