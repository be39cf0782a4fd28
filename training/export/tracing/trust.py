"""Trust: which functions and classes of a user's own may be run to see what they compute."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from scipy.special import expit

_NAMES: ContextVar[frozenset[str]] = ContextVar("trusted_functions", default=frozenset())
FLAG = "--trust-function"
"""The option of ``tabento import`` that names one."""


@contextmanager
def trusted_functions(names: Collection[str]) -> Iterator[None]:
    """Let functions and classes be traced, which runs their code.

    Args:
        names: ``module.function`` or ``module.Class``, as ``full_name`` gives them.
    """
    token = _NAMES.set(_NAMES.get() | frozenset(names))
    try:
        yield
    finally:
        _NAMES.reset(token)


def is_trusted(function: Any) -> bool:
    """Return whether a function or class was named as trusted."""
    return full_name(function) in _NAMES.get()


def full_name(function: Any) -> str:
    """Return the name under which a function or class is trusted: ``module.name``."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{getattr(function, '__module__', None) or type(function).__module__}.{name}"


def is_numpys(function: Any) -> bool:
    """Return whether a function is NumPy's own, which needs no trust."""
    if isinstance(function, functools.partial):
        return is_numpys(function.func)
    if isinstance(function, np.ufunc):
        return function is expit or getattr(np, function.__name__, None) is function
    name = getattr(function, "__name__", "")
    return bool(name) and getattr(np, name, None) is function
