"""A small invented table of apple trees for the tests of pipeline, export and parity: validated rows with every kind of feature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from training.config import ModelConfig, load_config

CONFIG = Path(__file__).parent.parent / "configs" / "orchard.yaml"


def orchard_config(**changes: object) -> ModelConfig:
    """Return the orchard's config with some of its keys changed."""
    data = load_config(CONFIG).model_dump()
    data.update(changes)
    return ModelConfig.model_validate(data)


def orchard_frame(rows: int, seed: int = 5) -> pd.DataFrame:
    """Return validated rows: numbers as float64, categories as str or None, some soils outside the categories."""
    generator = np.random.default_rng(seed)
    age = generator.integers(1, 60, rows).astype(np.float64)
    soil = generator.choice(np.array(["clay", "loam", "sand", "naïve", "peat", None], dtype=object), rows)
    slope = generator.uniform(0, 30, rows)
    pruned = generator.integers(0, 2, rows).astype(np.float64)
    frame = pd.DataFrame(
        {
            "age": age,
            "crown width": np.round(1 + 0.12 * age * generator.uniform(0.8, 1.2, rows), 1),
            "height": np.round(1.5 + 0.15 * age * generator.uniform(0.8, 1.2, rows), 1),
            "slope": np.where(generator.random(rows) < 0.2, np.nan, slope),
            "pruned": pruned,
            "sort": generator.choice(np.array(["BOSKOOP", "COX", "GLOSTER"], dtype=object), rows),
            "soil": soil,
        }
    )
    frame["apples"] = np.exp(3 + 0.02 * age + 0.2 * pruned + 0.3 * (frame["sort"] == "COX") - 0.01 * slope)
    return frame


def answers(model: bytes, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the answers of a serialised graph to packed rows, on one thread as in the service.

    With more threads ONNX Runtime adds up the trees in parts, and sums differ in the last bit.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run([PREDICTION_NAME], {INPUT_NAME: rows})[0])
