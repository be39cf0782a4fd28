"""What a run has found out about its model: the one input of both cards, besides the config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bundle.manifest import Provenance
from bundle.reference import Reference
from training.config import Decisions
from training.gate import GateReport
from training.importances import Importances
from training.latency import LatencyTable
from training.parity import ParityReport


@dataclass(frozen=True)
class Findings:
    """A run's figures. What has a default may be unknown: the cards then leave it out."""

    tag: str
    """The bundle's tag."""
    provenance: Provenance
    train_rows: int
    test_rows: int
    metrics: Mapping[str, float]
    """Figures on the test part, by the keys of ``training.metrics``."""
    parity: ParityReport
    latency: LatencyTable
    gate: GateReport
    """With its slices, its calibration and its comparison with the champion."""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """The 95% bootstrap interval of each metric, of ``training.metrics.bootstrap_intervals``."""
    decisions: Decisions | None = None
    """What was fitted; by default what the config itself says."""
    threshold: float | None = None
    """The probability from which on the positive class is answered, where there is one."""
    reference: Reference | None = None
    """How the training part is distributed; without it the data card has no distributions."""
    importances: Importances | None = None
    """Which features the model goes by."""
    warnings: tuple[str, ...] = ()
    """What the study of the data found to be wrong, each a sentence."""
    selection: str = ""
    """The table of compared estimators as Markdown, where they were compared."""
    sweep: str = ""
    """What the search for parameters tried and found, as Markdown, where there was one."""
