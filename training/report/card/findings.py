"""The results of a run about its model: the input of both cards, in addition to the config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tabento.bundle.manifest import Provenance
from tabento.bundle.reference import Reference
from tabento.packaging.latency import LatencyTable
from tabento.parity import ParityReport
from training.config import Decisions
from training.gate import GateReport
from training.model.importances import Importances


@dataclass(frozen=True)
class Findings:
    """The results of a run. A field with a default can be unknown: the cards then omit it."""

    tag: str
    """The bundle's tag."""
    provenance: Provenance
    train_rows: int
    test_rows: int
    metrics: Mapping[str, float]
    """The metrics of the test part, by the keys of ``training.model.metrics``."""
    parity: ParityReport
    latency: LatencyTable
    gate: GateReport
    """The report of the gate with slices, calibration and the comparison with the champion."""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """The 95% bootstrap interval of each metric, of ``training.model.metrics.bootstrap_intervals``."""
    decisions: Decisions | None = None
    """The decisions of the fitted pipeline; by default those of the config."""
    threshold: float | None = None
    """The probability from which on the positive class is answered, if the model has one."""
    coverage: float | None = None
    """The promised coverage of prediction intervals or sets, if answers have one."""
    reference: Reference | None = None
    """The distributions of the training part; without them the data card has none."""
    importances: Importances | None = None
    """The importances of the features."""
    warnings: tuple[str, ...] = ()
    """The problems that the study of the data found, each a sentence."""
    selection: str = ""
    """The table of the compared estimators as Markdown, if they were compared."""
    sweep: str = ""
    """The result of the parameter sweep as Markdown, if there was one."""
