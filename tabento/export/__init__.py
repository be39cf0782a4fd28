"""Exact export: converts a fitted scikit-learn pipeline to an ONNX graph in double that gives the same answers.

The public interface of this package:

- ``export_pipeline(pipeline, contract)`` writes the graph, an ``onnx.ModelProto``.
- ``serialise(model)`` returns the graph's bytes.
- ``ExportError`` is the error for a pipeline without an exact conversion.
"""

from tabento.export.convert import export_pipeline, serialise
from tabento.export.errors import ExportError

__all__ = ["ExportError", "export_pipeline", "serialise"]
