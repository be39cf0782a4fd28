"""An entry of the catalogue: how a pipeline is written, on which table it is fitted, and what is odd about it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bundle.contract import Contract


@dataclass(frozen=True)
class Data:
    """What an entry is fitted on and judged with."""

    fit: pd.DataFrame
    """The columns as the owner's code has them."""
    target: Any
    """What is predicted, shape (N,) or (N, W); None for outlier detectors."""
    sample: pd.DataFrame
    """Other rows of the same table, as they stand in a CSV file."""
    header: bool = True
    """Whether the pipeline is fitted on a frame; else on the array of its values, without names."""


@dataclass(frozen=True)
class Entry:
    """One pipeline of the catalogue."""

    name: str
    """Distinct in the whole catalogue."""
    group: str
    """The table, or ``zoo``."""
    build: Callable[[], Any]
    """Makes the unfitted pipeline."""
    data: Callable[[], Data]
    needs: tuple[str, ...] = ()
    """Modules without which it is skipped."""
    missing_text: float | None = field(default=np.nan)
    """How its owner writes a missing text: NaN, as pandas reads it, or None."""
    edit: Callable[[Contract], Contract] | None = None
    """What a person changes in the contract that the import infers."""

    def missing_modules(self) -> list[str]:
        """Return the modules that it needs and that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


def without_ranges(contract: Contract) -> Contract:
    """Return a contract that takes any number, as a person may edit it."""
    features = [feature.model_copy(update={"minimum": None, "maximum": None}) for feature in contract.features]
    return contract.model_copy(update={"features": tuple(features)})


def all_nullable(contract: Contract) -> Contract:
    """Return a contract that takes null everywhere, as a person may edit it."""
    features = [feature.model_copy(update={"nullable": True}) for feature in contract.features]
    return contract.model_copy(update={"features": tuple(features)})
