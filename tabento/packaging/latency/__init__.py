"""Latency: the time of a batch in ONNX Runtime on the computer of the training, by batch size.

``measure`` times the model in short rounds, each next to a ``reference`` operation, ``rounds`` drops the rounds in which the
machine was disturbed, and ``table`` holds the result. It feeds the gate, the selection, the card and ``latency.json``. It
is documentation for users: a server measures its own host at warm-up and never reads this table.
"""

from tabento.packaging.latency.measure import BATCH_SIZES, BUDGET_S, measure_latency
from tabento.packaging.latency.table import SLOWDOWN_MAX, BatchLatency, Disturbance, LatencyTable, Machine, Verdict

__all__ = [
    "BATCH_SIZES",
    "BUDGET_S",
    "SLOWDOWN_MAX",
    "BatchLatency",
    "Disturbance",
    "LatencyTable",
    "Machine",
    "Verdict",
    "measure_latency",
]
