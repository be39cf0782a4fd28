"""The reference of an adopted pipeline: how its sample and its answers to it are distributed.

The training data is not there; the sample stands in for it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Contract
from bundle.reference import Reference
from training.reference import describe


def describe_sample(
    contract: Contract, frame: pd.DataFrame, answers: NDArray[np.float64], truth: NDArray[np.float64] | None
) -> Reference:
    """Describe how features, answers and truth are distributed over the sample; see ``training.reference.describe``."""
    return describe(contract, frame, answers, truth)
