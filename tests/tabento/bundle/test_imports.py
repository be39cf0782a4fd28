"""The format is light: a service that imports it loads no library of training, and no ONNX Runtime before a graph is opened."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import tabento.bundle

HEAVY = ("sklearn", "pandas", "scipy", "onnx", "skl2onnx", "mlflow", "onnxruntime", "training", "tabento.export")


def test_bundle_imports_no_library_of_training() -> None:
    """In a fresh process, importing every module of the format loads none of the heavy packages."""
    names = [f"tabento.bundle.{module.name}" for module in pkgutil.iter_modules(tabento.bundle.__path__)]
    assert "tabento.bundle.drift" in names
    code = (
        "import importlib, json, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(process.stdout))
    assert not loaded & set(HEAVY)
