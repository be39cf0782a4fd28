"""An entry of the catalogue: the function that builds a pipeline, its table, and its peculiarities."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tabento.bundle.contract import Contract


@dataclass(frozen=True)
class Data:
    """The rows on which an entry is fitted and judged."""

    fit: pd.DataFrame
    """The columns in the owner's code."""
    target: Any
    """The target, shape (N,) or (N, W); None for outlier detectors."""
    sample: pd.DataFrame
    """Other rows of the same table, with the types of a CSV file."""
    header: bool = True
    """Whether the pipeline is fitted on a frame. If not, it is fitted on the array of values, without names."""


@dataclass(frozen=True)
class Entry:
    """One pipeline of the catalogue."""

    name: str
    """The name, unique in the whole catalogue."""
    group: str
    """The table, or ``zoo``."""
    build: Callable[[], Any]
    """The function that returns the unfitted pipeline."""
    data: Callable[[], Data]
    needs: tuple[str, ...] = ()
    """The modules without which the entry is skipped."""
    missing_text: float | None = field(default=np.nan)
    """The owner's value for a missing text: NaN, as in pandas, or None."""
    edit: Callable[[Contract], Contract] | None = None
    """A user's change of the inferred contract."""

    def missing_modules(self) -> list[str]:
        """Return the needed modules that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


def without_ranges(contract: Contract) -> Contract:
    """Return a contract that accepts any number, as a user might edit it."""
    features = [feature.model_copy(update={"minimum": None, "maximum": None}) for feature in contract.features]
    return contract.model_copy(update={"features": tuple(features)})


def all_nullable(contract: Contract) -> Contract:
    """Return a contract that accepts null in each feature, as a user might edit it."""
    features = [feature.model_copy(update={"nullable": True}) for feature in contract.features]
    return contract.model_copy(update={"features": tuple(features)})
