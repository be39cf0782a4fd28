"""The gate: a model that misses a limit of its config is not registered.

``run`` makes every check and returns the report. ``limits`` checks plain metrics, and an imported pipeline passes these
checks only. Each other module makes one kind of check: ``methods`` (the abilities of a served model), ``champion`` (a paired
``bootstrap`` against the model in service), ``calibration``, ``slices``, ``leakage``, ``behaviour`` and ``seeds``.
``report`` and ``figures`` define the stored report. ``training.report.gate`` renders it for readers.
"""

from training.gate.figures import CalibrationFigures, ChampionFigures, ReliabilityBin, SliceFigures
from training.gate.gate_input import GateInput
from training.gate.limits import check_gate, is_latency_undecided, parity_limits
from training.gate.report import Check, GateReport
from training.gate.run import run_gate

__all__ = [
    "CalibrationFigures",
    "ChampionFigures",
    "Check",
    "GateInput",
    "GateReport",
    "ReliabilityBin",
    "SliceFigures",
    "check_gate",
    "is_latency_undecided",
    "parity_limits",
    "run_gate",
]
