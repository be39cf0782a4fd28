"""Exact export: a fitted scikit-learn pipeline becomes an ONNX graph in double that answers the same."""

from training.export.convert import export_pipeline, serialise
from training.export.errors import ExportError

__all__ = ["ExportError", "export_pipeline", "serialise"]
