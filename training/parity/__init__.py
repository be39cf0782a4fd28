"""Parity: the proof, on every build, that the ONNX graph answers what the fitted pipeline answers.

``check`` runs it. ``hostile_rows`` and ``cut_rows`` make the rows, from the ``cuts`` of the pipeline's objects, for the ``nodes`` of its
trees and along ``lines`` between rows; ``boundaries`` finds where answers change, from outside; ``overhearing`` listens to what the objects are given;
``branches`` compares leaves; ``steadiness`` tells where scikit-learn does not agree with itself, ``knife_edges`` where a decision hangs on the last bit;
``bisection`` finds the step that is to blame; ``report`` is what remains.
"""

from training.parity.answers import pipeline_answers
from training.parity.batches import BATCH_SIZES
from training.parity.check import LIMIT, MAX_ROWS, check_parity
from training.parity.figures import differences
from training.parity.report import BatchParity, Limits, ParityError, ParityPart, ParityReport, WorstRow

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
