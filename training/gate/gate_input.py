"""The input of the gate: a fitted, exported and measured model with its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Contract
from tabento.packaging.latency import LatencyTable
from tabento.parity import ParityReport
from training.config import Decisions, ModelConfig


@dataclass(frozen=True)
class RefitInput:
    """The input of the checks that fit the model again. They need neither the fitted model nor the test part."""

    config: ModelConfig
    decisions: Decisions
    """The decisions with which the pipeline was fitted."""
    train: pd.DataFrame
    """The training part, as ``training.data.validation.validate`` types it. The refits use only these rows."""


@dataclass(frozen=True)
class GateInput(RefitInput):
    """The input of all checks."""

    test: pd.DataFrame
    """The test part. Nothing is fitted on it."""
    pipeline: Any
    """The fitted pipeline."""
    model: bytes
    """The serialised ONNX graph."""
    contract: Contract
    metrics: Mapping[str, float]
    """Metrics on the test part, by the keys of ``training.model.metrics``."""
    answers: NDArray[np.float64]
    """The pipeline's answers to the test part: float64 of shape (N,), or (N, 1 + C) for a classification."""
    parity: ParityReport
    latency: LatencyTable
    champion_tag: str | None = None
    """The bundle in service with which the model is compared; None if no champion exists."""
    data_sha256: str | None = None
    """The checksum of the data set. It differs if the champion was trained on other data."""

    @property
    def truth(self) -> NDArray[np.float64]:
        """The target of the test part, float64 of shape (N,): numbers, or indices of classes."""
        return self.test[self.config.target.name].to_numpy(dtype=np.float64)
