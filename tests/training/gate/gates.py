"""Small models with all that their gate is given: the orchard's regression and the seedlings' classification."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path

import bentoml
import numpy as np
import pandas as pd

from tabento.bundle.contract import Contract
from tabento.bundle.format import BENTOML_MODULE
from tabento.export import export_pipeline
from tabento.packaging.latency import BatchLatency, Disturbance, LatencyTable, Machine
from tabento.parity import ParityPart, ParityReport, pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from tests.bundles import write_bundle
from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.config import Gate, ModelConfig
from training.gate import GateInput, GateReport, run_gate
from training.model.metrics import measure
from training.model.pipeline import fit_pipeline, threshold_of
from training.progress import silence

LATENCY = LatencyTable(
    machine=Machine(cpu="Example CPU", cores=2),
    versions={"onnxruntime": "1.31"},
    threads=1,
    rounds=5,
    batches=(
        BatchLatency(rows=1, mean_us=21, p50_us=20, p95_us=25, p99_us=30.5, us_per_row=20, runs=1000),
        BatchLatency(rows=10, mean_us=41, p50_us=40, p95_us=45, p99_us=50, us_per_row=4, runs=800),
        BatchLatency(rows=32, mean_us=91, p50_us=90, p95_us=95, p99_us=120, us_per_row=2.8, runs=500),
    ),
)


def latency_table(single_row_p99_us: float = 20.0, *, busy: bool = False, **batches: float) -> LatencyTable:
    """Return a table of one size, or with ``ten_rows_p95_us`` and ``batch_p99_us`` of two others; busy or quiet."""
    rows = {1: single_row_p99_us}
    rows |= {10: batches["ten_rows_p95_us"]} if "ten_rows_p95_us" in batches else {}
    rows |= {32: batches["batch_p99_us"]} if "batch_p99_us" in batches else {}
    disturbance = Disturbance(
        clock="processor",
        attempts=3 if busy else 1,
        rounds=1_000,
        discarded_rounds=700 if busy else 10,
        reference="fixed work",
        reference_quiet_us=8.0,
        reference_median_us=15.0 if busy else 8.1,
        waiting_share=0.6 if busy else 0.0,
    )
    return LatencyTable(
        machine=LATENCY.machine,
        versions=LATENCY.versions,
        threads=1,
        rounds=100,
        batches=tuple(
            BatchLatency(
                rows=size, mean_us=time, p50_us=time, p95_us=time, p99_us=time, us_per_row=time / size, runs=1000
            )
            for size, time in rows.items()
        ),
        disturbance=disturbance,
    )


def part(**figures: object) -> ParityPart:
    """Return the part of a proof on ten test rows that found nothing, with some of its figures changed."""
    values = {"name": "test", "rows": 10, "worst_absolute": 0.0, "worst_relative": 0.0, "beyond_share": 0.0}
    return ParityPart.model_validate({**values, **figures})


def proof(**figures: object) -> ParityReport:
    """Return a proof of a classifier with trees that found nothing, with some of its figures changed."""
    values: dict[str, object] = {"limit": 1e-9, "rows": 10, "worst_absolute": 0.0, "worst_relative": 0.0}
    values |= {"beyond_share": 0.0, "ensembles": 1, "trees": 3, "classification": True, "worst_probability": 0.0}
    return ParityReport.model_validate({**values, "parts": (part(),), "batches": (), "worst_rows": (), **figures})


def build_gate_input(config: ModelConfig, train: pd.DataFrame, test: pd.DataFrame) -> GateInput:
    """Fit, export and measure a model, and return what its gate is given."""
    pipeline = fit_pipeline(config, train)
    contract = config.contract(threshold=threshold_of(pipeline))
    answers = pipeline_answers(pipeline, to_frame(to_rows(test, contract), contract), contract)
    classes = config.target.classes is not None
    return GateInput(
        config=config,
        decisions=config.decisions(),
        train=train,
        test=test,
        pipeline=pipeline,
        model=export_pipeline(pipeline, contract).SerializeToString(),
        contract=contract,
        metrics=measure(config, test[config.target.name], answers),
        answers=answers,
        parity=proof() if classes else proof(classification=False, worst_probability=None),
        latency=LATENCY,
    )


@cache
def orchard_gate_input() -> GateInput:
    """Return the orchard's model: 400 rows to train, 200 to test, yields with some noise."""
    frame = orchard_frame(600)
    noise = np.random.default_rng(1).lognormal(0, 0.15, len(frame))
    frame["apples"] *= noise
    return build_gate_input(
        orchard_config(), frame.head(400).reset_index(drop=True), frame.tail(200).reset_index(drop=True)
    )


@cache
def seedling_gate_input() -> GateInput:
    """Return the seedlings' model: 600 rows to train, 300 to test."""
    frame = seedling_frame(900)
    return build_gate_input(
        seedling_config(), frame.head(600).reset_index(drop=True), frame.tail(300).reset_index(drop=True)
    )


def with_gate(gate_input: GateInput, **limits: object) -> GateInput:
    """Return the same model under another gate, whose other keys are the defaults."""
    return dataclasses.replace(
        gate_input, config=gate_input.config.model_copy(update={"gate": Gate.model_validate(limits)})
    )


def stored_champion(gate_input: GateInput, contract: Contract | None = None) -> str:
    """Store a model as a bundle, under another contract if one is given, and return its tag."""
    import onnx  # the tests that store nothing need not wait for it

    with bentoml.models.create(gate_input.config.name, module=BENTOML_MODULE) as stored:
        write_bundle(Path(stored.path), contract or gate_input.contract, onnx.load_model_from_string(gate_input.model))
    return str(stored.tag)


@cache
def _cached_report(name: str) -> GateReport:
    gate_input = {"orchard": orchard_gate_input, "seedling": seedling_gate_input}[name]()
    return run_gate(with_gate(gate_input, slices={"rows_min": 20}), silence())


def cached_report(gate_input: GateInput) -> GateReport:
    """Return the report of a small model's gate, made once."""
    return _cached_report(gate_input.config.name)
