"""The path from a pipeline to a proven graph: its order, and its hooks for progress and errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline

from tabento.bundle.contract import Contract, Feature, Output
from tabento.packaging.bundle_builder import EXPORT_PROBLEM, PROOF_PROBLEM, BundleBuilder, GraphLimits
from tabento.parity import Limits, ParityError

FEATURES = tuple(Feature(name=name, type="number", minimum=-9, maximum=9) for name in "ab")
CONTRACT = Contract(name="m", title="M", description="", task="regression", features=FEATURES, output=Output(name="y"))
FRAME = pd.DataFrame(np.random.default_rng(5).normal(size=(40, 2)), columns=["a", "b"])
LIMITS = GraphLimits(Limits(), max_rows=60, latency_budget_s=0.01)


def fit_pipeline(slope: float = 1.0) -> Pipeline:
    """A linear regression of two numbers."""
    return make_pipeline(LinearRegression()).fit(FRAME, slope * FRAME["a"] - FRAME["b"])


@dataclass
class Step:
    """A step with its result."""

    title: str
    detail: str = ""


@dataclass
class Record:
    """A receiver that keeps each event in order."""

    events: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Keep the title."""
        self.events.append(title)
        self.steps.append(Step(title))
        yield self.steps[-1]

    @contextmanager
    def guard(self, problem: str) -> Iterator[None]:
        """Keep the problem, and explain an error."""
        self.events.append(problem)
        try:
            yield
        except ParityError as error:
            raise ValueError(problem) from error


def test_graph_is_exported_then_proven_then_timed() -> None:
    """The steps are reported in order with their results, and the hook runs between proof and timing."""
    record = Record()
    builder = BundleBuilder(fit_pipeline(), CONTRACT, reporter=record, guard=record.guard)
    graph = builder.build_graph(
        FRAME, FRAME.to_numpy(), LIMITS, before_timing=lambda: record.events.append("before timing")
    )
    assert record.events == [
        "Export to ONNX",
        EXPORT_PROBLEM,
        "Compare graph and pipeline",
        PROOF_PROBLEM,
        "before timing",
        "Measure latency",
    ]
    assert all(step.detail for step in record.steps)
    assert graph.parity.worst_relative <= 1e-9
    assert graph.latency.single_row_p99_us > 0
    assert graph.mib == pytest.approx(len(graph.model) / 1024**2)


def test_guard_can_explain_a_failed_proof() -> None:
    """A graph of another pipeline fails the proof inside the guard, so the guard decides about the error."""
    record = Record()
    model = BundleBuilder(fit_pipeline(slope=2.0), CONTRACT).export()
    builder = BundleBuilder(fit_pipeline(), CONTRACT, guard=record.guard)
    with pytest.raises(ValueError, match=f"^{PROOF_PROBLEM}$"):
        builder.prove(model, FRAME, LIMITS)
