"""The judge: is an exported graph right? It checks from outside, with code that shares nothing with the proof.

The judge compares scikit-learn with ONNX Runtime on plain rows, on rows at the table's own resolution, on rows from a
bisection of scikit-learn's answers, and on the extremes of the contract. If the two answers differ, scikit-learn predicts
the row again, alone and in a dozen batches. An answer that scikit-learn gives each time is right.

No module of this package imports ``tabento.parity`` or ``benchmarks.zoo.compare``; a test checks this. The import that
the judge checks is in ``benchmarks.import_way``.
"""
