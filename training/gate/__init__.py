"""The gate: a model that misses a limit of its config is not registered.

``run`` makes every check and writes the report; ``limits`` judges plain figures and is all that an imported pipeline gets.
Each other module makes one kind of check: ``methods`` (what a served model must be able to do), ``champion`` (a paired
``bootstrap`` against the model in service), ``calibration``, ``slices``, ``leakage``, ``behaviour`` and ``seeds``.
``report`` and ``figures`` are what remains, ``pages`` and ``drawing`` show it to people.
"""

from training.gate.figures import CalibrationFigures, ChampionFigures, ReliabilityBin, SliceFigures
from training.gate.given import GateInput
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
