"""The gate's refits: checks of leakage and fits with other seeds. They need neither the fitted model nor the test part.

``python -m training.gate`` makes them in a separate process while the pipeline is fitted, exported and proven.
``training.gate.background_refits`` starts that process.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import TypeAdapter

from tabento.bundle.contract import Strict
from training.config import Decisions, ModelConfig
from training.data.parquet import read_table
from training.gate.gate_input import RefitInput
from training.gate.leakage import check_leakage
from training.gate.report import Check
from training.gate.seeds import check_seeds

REFITS: tuple[tuple[str, Callable[[RefitInput], list[Check]]], ...] = (
    ("Check for leakage", check_leakage),
    ("Fit with other seeds", check_seeds),
)
"""The refits in the order of the report: the title and the function that makes the checks."""
CHECKS = TypeAdapter(tuple[tuple[Check, ...], ...])
"""The JSON format of the output: the checks of each of ``REFITS``."""


class Request(Strict):
    """The input of the process that makes the refits."""

    config: ModelConfig
    decisions: Decisions
    train_file: Path
    """The training part, as the stage ``validate`` wrote it."""


def refit(request: Request) -> tuple[tuple[Check, ...], ...]:
    """Make the refits and return the checks of each of ``REFITS``.

    Raises:
        FitError, FoldError: a refit cannot be made.
        OSError: the training part cannot be read.
    """
    refit_input = RefitInput(request.config, request.decisions, read_table(request.train_file))
    return tuple(tuple(check(refit_input)) for _, check in REFITS)
