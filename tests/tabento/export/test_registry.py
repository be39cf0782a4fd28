"""Registered converters and their modules."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

from tabento.export.registry import OTHER_LIBRARIES, register_library


def test_other_libraries_are_imported_when_they_are_met() -> None:
    """An export of scikit-learn's classes imports no other library of models: together they take seconds."""
    script = f"import sys, tabento.export; print(sorted(set({sorted(OTHER_LIBRARIES)!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_library_has_its_module() -> None:
    """The module of every optional library exists, and an unknown package registers nothing."""
    for module in OTHER_LIBRARIES.values():
        assert importlib.util.find_spec(f"tabento.export.converters.other_libraries.{module}") is not None
    register_library("unheard_of")
