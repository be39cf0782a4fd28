"""The stage ``export``: the pipeline becomes an ONNX graph that is proven to answer the same, and timed."""

from __future__ import annotations

from pathlib import Path

from training.export import export_pipeline, serialise
from training.frames import to_rows
from training.gate import is_latency_undecided, parity_limits
from training.latency import measure_latency
from training.parity import check_parity
from training.pipeline import threshold_of
from training.stages.context import Context
from training.stages.outcome import Outcome


def run(context: Context, folder: Path) -> Outcome:
    """Write ``model.onnx``, ``contract.json``, ``parity.json`` and ``latency.json``.

    Raises:
        ExportError, ParityError: the graph cannot be made or does not answer what the pipeline answers.
    """
    config, progress = context.config, context.progress
    pipeline, test = context.pipeline(), context.test()
    contract = config.contract(threshold=threshold_of(pipeline))
    with progress.step("Export to ONNX") as step:
        model = serialise(export_pipeline(pipeline, contract))
        step.detail = f"{len(model) / (1 << 20):.1f} MiB"
    with progress.step("Compare graph and pipeline") as step:
        parity = check_parity(
            pipeline, model, contract, test, limits=parity_limits(config.gate), max_rows=config.gate.parity_rows
        )
        step.detail = (
            f"worst relative difference {parity.worst_relative:.2g} in {parity.rows:,} rows,"
            f" {parity.other_branches} on another branch of {parity.trees} trees"
        )
    with progress.step("Wait for the refits of the gate, for a quiet machine"):
        context.refits.wait()
    with progress.step("Measure latency") as step:
        latency = measure_latency(
            model,
            to_rows(test, contract),
            budget_s=context.settings.latency_budget_s,
            is_undecided=lambda table: is_latency_undecided(config.gate, table),
        )
        step.detail = f"one row p99 {latency.single_row_p99_us:.1f} µs"
    (folder / "model.onnx").write_bytes(model)
    for name, content in (("contract", contract), ("parity", parity), ("latency", latency)):
        (folder / f"{name}.json").write_text(content.model_dump_json(indent=2) + "\n", encoding="utf-8")
    mib = len(model) / (1 << 20)
    return Outcome(
        f"{mib:.1f} MiB, one row p99 {latency.single_row_p99_us:.1f} µs",
        metrics={
            "model_mib": mib,
            "parity_worst_relative": parity.worst_relative,
            "single_row_p99_us": latency.single_row_p99_us,
        },
    )
