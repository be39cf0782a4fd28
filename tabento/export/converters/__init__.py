"""Converters: each writes the fitted objects of one class as nodes of ONNX.

A file is named after the module of the class: a class of ``sklearn.svm`` is in ``svm.py``, a class of
``sklearn.ensemble`` in a file of ``ensemble/``. Classes of Tabento are in ``own_transformers/``, classes of other
packages in ``other_libraries/``. To add a converter:

1. Write a function ``(writer, model, columns)`` in the file of the class's module and decorate it with
   ``transformer``, ``regressor`` or ``classifier`` of ``tabento.export.registry``. It raises ``writer.refusal(...)``
   for every parameter whose answers the graph cannot give exactly. ``registration`` finds a new file by itself.
2. Mark the class if it applies: ``same_in_float32``, ``takes_text``, ``has_inexact_sums`` of ``tabento.export.registry``.
3. Add a test in the same place below ``tests/tabento/export/converters`` that compares the graph with the object.
4. Add the class to the table in ``docs/export.md``, and a pipeline with it to ``benchmarks/zoo``.
"""
