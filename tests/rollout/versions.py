"""Live versions of small bundles on a manual loop, for tests of trials without a service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from runners.batcher import MicroBatcher
from runners.costs import BatchCosts
from runners.runner import Runner, RunnerOptions
from runners.session import OnnxSession
from tabento.bundle.contract import Contract, answer_width
from tabento.bundle.store import Bundle, read_bundle
from tests.bundles import linear_model, orchard_contract, write_bundle
from tests.runners.manual_loop import ManualLoop

OPTIONS = RunnerOptions(slo_s=0.1)
COST_S = 1e-5
"""The learned cost of a row of every version."""


@dataclass
class LoadedGraph:
    """The part of ``ServedModel`` that a trial needs."""

    session: OnnxSession
    options: RunnerOptions = OPTIONS


class LiveStub:
    """A version with a real graph and a real runner, without HTTP."""

    def __init__(self, bundle: Bundle, loop: ManualLoop) -> None:
        contract = bundle.contract
        session = OnnxSession(bundle.model_path, len(contract.features), 1, answer_width(contract))
        costs = BatchCosts(1024)
        for rows in (1, 16, 256, 1024):
            costs.observe(rows, COST_S * rows)
        self.bundle = bundle
        self.served = LoadedGraph(session)
        self.runner = Runner(session, loop, run_now, OPTIONS, costs)
        self.batcher: MicroBatcher = self.runner.batcher
        self.key = 0
        self.split: Any = None
        self.observer: Any = None


def run_now(function: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
    """Run expensive work at once, in place of a thread."""
    try:
        result = function()
    except Exception as error:
        done(None, error)
    else:
        done(result, None)


def live_version(
    folder: Path,
    version: str,
    loop: ManualLoop,
    contract: Contract | None = None,
    model: onnx.ModelProto | None = None,
) -> LiveStub:
    """Return a version of a bundle that is written to a folder; by default of the orchard."""
    contract = contract or orchard_contract()
    path = write_bundle(folder / version, contract, model)
    return LiveStub(read_bundle(path, f"{contract.name}:{version}"), loop)


def scaled_model(factor: float) -> onnx.ModelProto:
    """Return the orchard's linear graph with all answers multiplied."""
    model = linear_model(len(orchard_contract().features))
    weights = next(item for item in model.graph.initializer if item.name == "weights")
    weights.CopyFrom(numpy_helper.from_array(factor * numpy_helper.to_array(weights), "weights"))
    return model


def packed_rows(count: int, seed: int = 3) -> bytes:
    """Return random rows of the orchard, packed."""
    random = np.random.default_rng(seed)
    rows = np.column_stack(
        [
            random.integers(1, 100, count),
            random.uniform(1, 10, count),
            random.uniform(1, 10, count),
            random.uniform(0, 30, count),
            random.integers(0, 2, count),
            random.integers(0, 2, count),
            random.integers(0, 2, count),
        ]
    )
    return rows.astype(np.float64).tobytes()
