"""What the gate is given: a fitted, exported and measured model with the data that it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Contract
from training.config import Decisions, ModelConfig
from training.latency import LatencyTable
from training.parity import ParityReport


@dataclass(frozen=True)
class RefitInput:
    """What the checks need that fit the model anew: neither the fitted model nor the test part."""

    config: ModelConfig
    decisions: Decisions
    """What was fitted."""
    train: pd.DataFrame
    """The training part, as ``training.data.validation.validate`` types it. Whatever is fitted anew is fitted on it."""


@dataclass(frozen=True)
class GateInput(RefitInput):
    """Everything that the checks look at."""

    test: pd.DataFrame
    """The test part; nothing is fitted on it."""
    pipeline: Any
    """The fitted pipeline."""
    model: bytes
    """The serialised ONNX graph."""
    contract: Contract
    metrics: Mapping[str, float]
    """Figures on the test part, by the keys of ``training.metrics``."""
    answers: NDArray[np.float64]
    """The pipeline's answers to the test part: float64 of shape (N,), or (N, 1 + C) for a classification."""
    parity: ParityReport
    latency: LatencyTable
    champion_tag: str | None = None
    """The bundle in service with which the model is compared; None where there is none."""
    data_sha256: str | None = None
    """The checksum of the data set; tells whether the champion was trained on another one."""
    folder: Path | None = None
    """Where the report goes; None writes none."""

    @property
    def truth(self) -> NDArray[np.float64]:
        """The target of the test part, float64 of shape (N,): numbers, or indices of classes."""
        return self.test[self.config.target.name].to_numpy(dtype=np.float64)
