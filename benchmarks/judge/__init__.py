"""The judge: is an exported graph right? Asked from outside, by code that shares nothing with the proof.

scikit-learn is compared with ONNX Runtime on plain rows, on rows at the table's own resolution, on rows that bisection of
scikit-learn's answers finds, and on the extremes of the contract. If the two differ, scikit-learn is asked again, alone
and in a dozen batches. What it answers each time is right.

Nothing here imports ``training.parity``, nor ``benchmarks.zoo.compare``; a test holds that. The import itself, which
the judge judges, is in ``benchmarks.import_way``.
"""
