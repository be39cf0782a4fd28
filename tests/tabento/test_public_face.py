"""The public face: few names, and none of them is imported before it is used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import tabento

ROOT = Path(__file__).parents[2]
HEAVY = ("onnx", "onnxruntime", "pandas", "scipy", "sklearn", "skl2onnx", "numpy", "click")


def imported_by(code: str) -> set[str]:
    """Return the packages that a process of its own has imported after some code."""
    probe = f"{code}\nimport json, sys\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    process = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(process.stdout.splitlines()[-1]))


def test_every_public_name_can_be_imported() -> None:
    """Each name of ``__all__`` exists and is listed by ``dir``."""
    for name in tabento.__all__:
        assert getattr(tabento, name).__name__ == name
        assert name in dir(tabento)


def test_import_of_the_package_imports_no_library() -> None:
    """A service that imports the package pays for none of the libraries of the export."""
    assert imported_by("import tabento") & set(HEAVY) == set()


def test_bundle_imports_no_library_of_the_export() -> None:
    """The side of the service needs neither scikit-learn nor pandas."""
    assert imported_by("import tabento.bundle.store") & {"onnx", "pandas", "scipy", "sklearn", "skl2onnx"} == set()


def test_unknown_name_is_an_attribute_error() -> None:
    """A name that does not exist is refused as for any module."""
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        getattr(tabento, "nothing")  # noqa: B009 - the attribute does not exist
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        from tabento import nothing  # noqa: F401
