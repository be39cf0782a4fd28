"""A small table, its contract, and a way to alter a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from tabento.bundle.contract import Contract, Feature, Output
from tabento.export import export_pipeline, serialise

Case = Callable[..., tuple[Contract, bytes]]


@pytest.fixture
def sample() -> pd.DataFrame:
    """Return 160 rows of two numbers, with one and two decimals, and a count."""
    draw = np.random.default_rng(7)
    values = {"size": np.round(draw.normal(50, 12, 160), 1), "share": np.round(draw.random(160), 2)}
    return pd.DataFrame({**values, "rooms": draw.integers(1, 6, 160).astype(float)})


@pytest.fixture
def target(sample: pd.DataFrame) -> NDArray[np.float64]:
    """Return a number that depends on all columns."""
    noise = np.random.default_rng(8).normal(0, 1, len(sample))
    return np.asarray(sample["size"] * 0.3 + 10 * sample["share"] + sample["rooms"] + noise, dtype=np.float64)


def contract_of(
    classes: tuple[Any, ...] | None = None, *, probabilities: bool = False, nullable: bool = False
) -> Contract:
    """Return the contract of the table."""
    return Contract(
        name="flats",
        title="Flats",
        description="Test data.",
        task="regression" if classes is None else "classification",
        features=(
            Feature(name="size", type="number", minimum=0, maximum=100, nullable=nullable),
            Feature(name="share", type="number", minimum=0, maximum=1),
            Feature(name="rooms", type="integer", minimum=0, maximum=9),
        ),
        output=Output(name="answer", classes=classes, probabilities=probabilities),
    )


def export_bytes(pipeline: Any, contract: Contract) -> bytes:
    """Return the graph of a pipeline."""
    return serialise(export_pipeline(pipeline, contract))


def with_changed_constant(model: bytes, change: Callable[[NDArray[Any]], NDArray[Any]], *, size: int) -> bytes:
    """Return a graph in which the first constant of doubles of a size is changed."""
    graph = onnx.ModelProto.FromString(model)
    for constant in graph.graph.initializer:
        values = numpy_helper.to_array(constant)
        if values.dtype == np.float64 and values.size == size:
            constant.CopyFrom(numpy_helper.from_array(change(values.copy()), constant.name))
            data: bytes = graph.SerializeToString()
            return data
    raise LookupError(f"no constant of {size} doubles")


def with_other_threshold(model: bytes) -> bytes:
    """Return a graph in which the first threshold of its trees is the next double."""
    graph = onnx.ModelProto.FromString(model)
    for node in graph.graph.node:
        for attribute in node.attribute:
            if attribute.name == "nodes_splits":
                values = numpy_helper.to_array(attribute.t).copy()
                values[0] = np.nextafter(values[0], np.inf)
                attribute.t.CopyFrom(numpy_helper.from_array(values, attribute.t.name))
                data: bytes = graph.SerializeToString()
                return data
    raise LookupError("no trees")
