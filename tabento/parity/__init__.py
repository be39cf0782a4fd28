"""Parity: the proof, on every build, that the ONNX graph answers what the fitted pipeline answers.

``check_parity`` is the function to call. In the order of the work:

- ``check`` samples the test rows; ``proof`` runs the comparison and sums up the ``report``.
- ``rows`` makes the rows: on the ``thresholds`` of the pipeline's objects and of its ``tree_nodes``, between pairs of rows
  (``split_lines``, ``boundaries``, ``neighbour_rows``), and extreme ones (``hostile_rows``, ``hostile_texts``).
- ``sessions`` runs graphs, ``answered_rows`` the pipeline, and ``recorded_calls`` records the inputs of its inner objects.
- ``comparison`` compares answers (``compared_rows``), leaves (``branches``) and ``batches``. It finds the rows whose answer
  scikit-learn itself changes with the batch (``batch_sensitivity``) or with the last digit of the row (``knife_edges``).
- ``rows.threshold_bisection`` names the first step at which both differ.
"""

from tabento.export.pipeline_answers import pipeline_answers
from tabento.parity.check import LIMIT, MAX_ROWS, check_parity
from tabento.parity.comparison.batches import BATCH_SIZES
from tabento.parity.report import BatchParity, Limits, ParityError, ParityPart, ParityReport, WorstRow
from tabento.parity.tolerances import differences

__all__ = [
    "BATCH_SIZES",
    "LIMIT",
    "MAX_ROWS",
    "BatchParity",
    "Limits",
    "ParityError",
    "ParityPart",
    "ParityReport",
    "WorstRow",
    "check_parity",
    "differences",
    "pipeline_answers",
]
