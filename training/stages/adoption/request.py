"""The request of an import and its result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tabento.packaging.latency import LatencyTable
from tabento.packaging.save import Tags
from tabento.parity import ParityReport
from training.gate import GateReport
from training.stages.adoption.config import ImportConfig


@dataclass(frozen=True)
class Request:
    """The files and options of an import."""

    pipeline: Path
    """The file with the fitted pipeline."""
    sample: Path
    """The CSV file with rows for the pipeline."""
    config: Path
    """The config: read if it exists, otherwise written."""
    target: str | tuple[str, ...] | None = None
    """The sample's column with the true answers. For several answers a row: a column for each, in the pipeline's order."""
    name: str | None = None
    """The model's name in a new config; by default the name of the pipeline's file."""
    p99_ms: float | None = None
    """The limit of the p99 latency in milliseconds in a new config."""
    trust: tuple[str, ...] = ()
    """Types that a skops file may create in addition to the types that skops trusts."""
    trust_pickle: bool = False
    """Whether a pickle may be opened."""
    trust_functions: tuple[str, ...] = ()
    """Functions and transformer classes, ``module.name``, that may be called with symbols to record their formulas."""
    expected: Path | None = None
    """The CSV file with the answers to the sample of the version of scikit-learn that fitted the pipeline."""
    columns_from_sample: bool = False
    """Whether the sample's header names the columns of a pipeline that has no names for them."""
    columns: tuple[str, ...] = ()
    """The column names of a pipeline that has none, in its order; they replace the sample's header."""
    sklearn: str | None = None
    """``auto``, or the version of scikit-learn whose answers the import is compared with; None for no comparison."""


@dataclass(frozen=True)
class ImportResult:
    """The stored model of an import, and its reports."""

    tags: Tags
    config: ImportConfig
    config_is_new: bool
    metrics: dict[str, float]
    """The metrics on the sample and its number of rows; without a target only the number of rows."""
    parity: ParityReport
    latency: LatencyTable
    gate: GateReport
    remarks: tuple[str, ...]
    """Sentences that the user should read."""
    bundle_folder: Path
    """The folder of the bundle in the model store."""
    seconds: float
    """The duration of the import."""
