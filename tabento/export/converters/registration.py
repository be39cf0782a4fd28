"""Import of every converter of scikit-learn's and Tabento's own classes, so that each is in the registry's tables.

A new file needs no entry here: all modules below this package are imported, except the ones of ``other_libraries``.
``tabento.export.registry`` imports these when it first sees an object of the library, since the libraries take seconds.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages

from tabento.export import converters

OTHER_LIBRARIES = f"{converters.__name__}.other_libraries"


def register_converters() -> None:
    """Import every module of converters whose library is always installed."""
    for module in walk_packages(converters.__path__, f"{converters.__name__}."):
        if not f"{module.name}.".startswith(f"{OTHER_LIBRARIES}."):
            import_module(module.name)
