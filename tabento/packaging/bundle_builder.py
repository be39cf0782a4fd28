"""The path from a fitted pipeline to a stored bundle: export, proof and timing of the graph, then saving with its checks.

Training, import and the library's ``export_pipeline`` and ``prove`` all go this way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Contract
from tabento.bundle.manifest import Provenance
from tabento.bundle.signing_key import SigningKey
from tabento.bundle.store import Bundle
from tabento.export import export_pipeline, serialise
from tabento.packaging.latency import BUDGET_S, LatencyTable, measure_latency
from tabento.packaging.read_back import check_examples
from tabento.parity import MAX_ROWS, Limits, ParityReport, check_parity
from tabento.parity.summary import parity_summary

if TYPE_CHECKING:
    from tabento.packaging.save import Contents, Tags

EXPORT_PROBLEM = "it cannot be exported"
"""The argument of ``guard`` during the export."""
PROOF_PROBLEM = "it cannot be compared"
"""The argument of ``guard`` during the proof."""


class StepReport(Protocol):
    """One step on its way, as shown to the user."""

    detail: str
    """The result of the step."""


class StepReporter(Protocol):
    """The receiver of a run's progress."""

    def step(self, title: str, /) -> AbstractContextManager[StepReport]:
        """Report a step while the block runs."""


class SilentReporter:
    """A receiver that reports nothing."""

    @dataclass
    class _Step:
        detail: str = ""

    def step(self, title: str, /) -> AbstractContextManager[StepReport]:
        """Report nothing."""
        return nullcontext(self._Step())


@dataclass(frozen=True)
class GraphLimits:
    """The demands of a gate on a graph."""

    parity: Limits
    """The largest differences between graph and pipeline."""
    max_rows: int = MAX_ROWS
    """The approximate largest number of rows of the proof."""
    latency_budget_s: float = BUDGET_S
    """The duration of one attempt at the latency measurement."""
    is_undecided: Callable[[LatencyTable], bool] | None = None
    """Whether a measured table decides no limit of the gate; the measurement is then repeated."""


@dataclass(frozen=True)
class ProvenGraph:
    """A graph that answers as its pipeline does, and its latency."""

    model: bytes
    """The serialised ONNX graph."""
    parity: ParityReport
    latency: LatencyTable

    @property
    def mib(self) -> float:
        """The size of the graph in MiB."""
        return len(self.model) / (1 << 20)


class BundleBuilder:
    """The steps from one fitted pipeline to its stored bundle.

    Args:
        pipeline: fitted; it takes frames as ``tabento.tables.frames.to_frame`` makes them.
        contract: the columns and the answers.
        reporter: receives the progress.
        guard: opened around export and proof with ``EXPORT_PROBLEM`` or ``PROOF_PROBLEM``: it can explain errors.
    """

    def __init__(
        self,
        pipeline: Any,
        contract: Contract,
        *,
        reporter: StepReporter | None = None,
        guard: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._pipeline = pipeline
        self._contract = contract
        self._reporter = reporter or SilentReporter()
        self._guard = guard

    def export(self) -> bytes:
        """Return the pipeline as a serialised ONNX graph.

        Raises:
            ExportError: a step has no exact conversion.
        """
        with self._reporter.step("Export to ONNX") as step, self._guard(EXPORT_PROBLEM):
            model = serialise(export_pipeline(self._pipeline, self._contract))
            step.detail = f"{len(model) / (1 << 20):.1f} MiB"
        return model

    def prove(
        self,
        model: bytes,
        test: pd.DataFrame,
        limits: GraphLimits,
        check_answers: Callable[[NDArray[np.float64], NDArray[np.float64]], None] | None = None,
    ) -> ParityReport:
        """Prove that a graph answers as the pipeline does.

        Args:
            model: the serialised graph.
            test: the rows from which the rows of the proof are made, typed by the contract.
            limits: the largest differences and the number of rows.
            check_answers: see ``tabento.parity.check.check_parity``.

        Raises:
            ParityError: a limit is exceeded.
        """
        with self._reporter.step("Compare graph and pipeline") as step, self._guard(PROOF_PROBLEM):
            parity = check_parity(
                self._pipeline,
                model,
                self._contract,
                test,
                limits=limits.parity,
                max_rows=limits.max_rows,
                check_answers=check_answers,
            )
            step.detail = parity_summary(parity)
        return parity

    def build_graph(
        self,
        test: pd.DataFrame,
        packed: NDArray[np.float64],
        limits: GraphLimits,
        *,
        check_answers: Callable[[NDArray[np.float64], NDArray[np.float64]], None] | None = None,
        before_timing: Callable[[], None] | None = None,
    ) -> ProvenGraph:
        """Export, prove and time the graph.

        Args:
            test: rows for the proof, typed by the contract.
            packed: rows for the timing, float64 of shape (N, F).
            limits: the demands of the gate.
            check_answers: see ``prove``.
            before_timing: called after the proof: it can wait until the computer is quiet.

        Raises:
            ExportError, ParityError: see ``export`` and ``prove``.
        """
        model = self.export()
        parity = self.prove(model, test, limits, check_answers)
        if before_timing is not None:
            before_timing()
        with self._reporter.step("Measure latency") as step:
            latency = measure_latency(model, packed, budget_s=limits.latency_budget_s, is_undecided=limits.is_undecided)
            step.detail = f"one row p99 {latency.single_row_p99_us:.1f} µs"
        return ProvenGraph(model, parity, latency)


def save_proven(
    tags: Tags,
    pipeline: Any,
    contents: Contents,
    provenance: Provenance,
    *,
    relative_max: float,
    startup: Callable[[str], None],
    labels: Mapping[str, str] | None = None,
    signing_key: SigningKey | None = None,
) -> Bundle:
    """Store pipeline and bundle, and check that the bundle answers its examples and that the service starts with it.

    Args:
        tags: from ``tabento.packaging.save.new_tags``.
        pipeline: the fitted pipeline.
        contents: the bundle's files.
        provenance: for the manifest and the labels.
        relative_max: the largest relative difference of an answer to an example.
        startup: called with the bundle's tag: the check that the service makes when it starts.
        labels: additional labels for both entries.
        signing_key: signs the bundle; None if it is not signed.

    Raises:
        SaveError, BundleError: see ``tabento.packaging.save.save``; nothing remains stored.
    """
    from tabento.packaging.save import save  # needs BentoML, which the export alone does without

    def check(stored: Bundle) -> None:
        check_examples(stored, pipeline, relative_max)
        startup(tags.bundle)

    return save(tags, pipeline, contents, provenance, check, labels=labels, signing_key=signing_key)
