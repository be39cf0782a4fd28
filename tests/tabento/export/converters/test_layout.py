"""Where a converter is: a file named after the module of the class that it writes."""

from __future__ import annotations

import inspect
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tabento.export import converters
from tabento.export.registry import (
    CLASSIFIERS,
    OTHER_LIBRARIES,
    REGRESSORS,
    TRANSFORMERS,
    register_library,
)

REGISTRATION = re.compile(r"^(?:@| {4})(?:transformer|regressor|classifier)\(", re.MULTILINE)
"""A converter that is registered: by a decorator, or by a call below the test whether its library is installed."""
TABLES: tuple[dict[type, Any], ...] = (TRANSFORMERS, REGRESSORS, CLASSIFIERS)
EXCEPTIONS: dict[str, str] = {}
"""Classes of scikit-learn whose converter is elsewhere, as ``module.Class``, and the file's module. None so far: a class
whose formula belongs to another module gets a function of three lines in its own file that calls the other."""


def _registered_classes(library: str) -> list[tuple[type, str]]:
    """Return the registered classes of a library, each with the module of its converter, below ``converters``."""
    return [
        (kind, inspect.unwrap(convert).__module__.removeprefix(f"{converters.__name__}."))
        for table in TABLES
        for kind, convert in table.items()
        if kind.__module__.partition(".")[0] == library
    ]


def test_classes_of_scikit_learn_are_in_the_file_of_their_module() -> None:
    """The converter of a class of ``sklearn.<module>`` is in ``<module>.py``, or in a file of the folder ``<module>``."""
    registered = _registered_classes("sklearn")
    assert len(registered) > 100
    elsewhere = {
        f"{kind.__module__}.{kind.__name__}": module
        for kind, module in registered
        if module.partition(".")[0] != kind.__module__.split(".")[1]
    }
    assert elsewhere == EXCEPTIONS


def test_classes_of_tabento_are_in_a_file_of_the_same_name() -> None:
    """The converter of a transformer of Tabento is in the file of the same name in ``own_transformers``."""
    registered = _registered_classes("tabento")
    assert registered
    for kind, module in registered:
        assert module == f"own_transformers.{kind.__module__.removeprefix('tabento.transformers.')}"


@pytest.mark.parametrize("library", OTHER_LIBRARIES)
def test_classes_of_other_libraries_are_in_the_file_of_the_library(library: str) -> None:
    """The module that the registry names for a library registers the library's classes, in ``other_libraries``."""
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    register_library(library)
    assert {kind.__module__.partition(".")[0] for kind, _ in _registered_classes(library)} == {library}
    folder = Path(converters.__path__[0])
    assert (folder / "other_libraries" / f"{OTHER_LIBRARIES[library]}.py").is_file()


def test_each_file_of_converters_has_its_test() -> None:
    """Every file with converters has a test file at the same place below ``tests``."""
    folder, tests = Path(converters.__path__[0]), Path(__file__).parent
    files = [path for path in sorted(folder.rglob("*.py")) if REGISTRATION.search(path.read_text())]
    assert files
    untested = [
        str(path.relative_to(folder))
        for path in files
        if not (tests / path.relative_to(folder).with_name(f"test_{path.name}")).is_file()
    ]
    assert untested == []
