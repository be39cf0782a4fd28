"""The stage ``export``: the pipeline becomes an ONNX graph that is proven to give the same answers, and timed."""

from __future__ import annotations

from pathlib import Path

from tabento.packaging.bundle_builder import BundleBuilder, GraphLimits
from tabento.tables.frames import to_rows
from training.config import Gate
from training.config.settings import TrainingSettings
from training.gate import is_latency_undecided, parity_limits
from training.model.pipeline import threshold_of
from training.stages.context import Context
from training.stages.outcome import Outcome


def run(context: Context, folder: Path) -> Outcome:
    """Write ``model.onnx``, ``contract.json``, ``parity.json`` and ``latency.json``.

    Raises:
        ExportError, ParityError: the graph cannot be made or does not answer what the pipeline answers.
    """
    config, progress = context.config, context.progress
    pipeline, test = context.pipeline(), context.test()
    calibration = context.calibration()
    contract = config.contract(
        threshold=threshold_of(pipeline),
        interval=calibration.interval,
        prediction_set=calibration.prediction_set,
    )

    def wait_for_refits() -> None:
        with progress.step("Wait for the refits of the gate before measuring latency"):
            context.refits.wait()

    graph = BundleBuilder(pipeline, contract, reporter=progress).build_graph(
        test,
        to_rows(test, contract),
        graph_limits(config.gate, context.settings),
        before_timing=wait_for_refits,
    )
    (folder / "model.onnx").write_bytes(graph.model)
    for name, content in (("contract", contract), ("parity", graph.parity), ("latency", graph.latency)):
        (folder / f"{name}.json").write_text(content.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return Outcome(
        f"{graph.mib:.1f} MiB, one row p99 {graph.latency.single_row_p99_us:.1f} µs",
        metrics={
            "model_mib": graph.mib,
            "parity_worst_relative": graph.parity.worst_relative,
            "single_row_p99_us": graph.latency.single_row_p99_us,
        },
    )


def graph_limits(gate: Gate, settings: TrainingSettings) -> GraphLimits:
    """Return the demands of a config's gate on the graph."""
    return GraphLimits(
        parity=parity_limits(gate),
        max_rows=gate.parity_rows,
        latency_budget_s=settings.latency_budget_s,
        is_undecided=lambda table: is_latency_undecided(gate, table),
    )
