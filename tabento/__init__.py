"""Tabento exports fitted scikit-learn pipelines on tables to exact ONNX graphs, and proves that both answer the same.

The public face are the names of ``__all__``. Each is imported when it is first used: a service imports
``tabento.bundle``, and must import neither scikit-learn nor pandas for that.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tabento.bundle.contract import Contract
    from tabento.errors import TabentoError
    from tabento.exact_export import ExportedPipeline, export_pipeline, prove
    from tabento.parity.report import ParityError, ParityReport

__all__ = ["Contract", "ExportedPipeline", "ParityError", "ParityReport", "TabentoError", "export_pipeline", "prove"]

_MODULES = {
    "Contract": "tabento.bundle.contract",
    "ExportedPipeline": "tabento.exact_export",
    "ParityError": "tabento.parity.report",
    "ParityReport": "tabento.parity.report",
    "TabentoError": "tabento.errors",
    "export_pipeline": "tabento.exact_export",
    "prove": "tabento.exact_export",
}


def __getattr__(name: str) -> Any:
    """Import a name of the public face from its module (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """Return the public names, also if they are not imported yet."""
    return sorted({*globals(), *__all__})
