"""The gate's refits: probes for leakage and fits with other seeds, which need neither the fitted model nor the test part.

``python -m training.gate`` makes them in a process of its own while the pipeline is fitted, exported and proven; it is
started by ``training.gate.ahead``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import TypeAdapter

from bundle.contract import Strict
from training.config import Decisions, ModelConfig
from training.gate.given import RefitInput
from training.gate.leakage import check_leakage
from training.gate.report import Check
from training.gate.seeds import check_seeds
from training.stages.tables import read_table

REFITS: tuple[tuple[str, Callable[[RefitInput], list[Check]]], ...] = (
    ("Probe for leakage", check_leakage),
    ("Fit with other seeds", check_seeds),
)
"""What is refitted, in the order of the report: its title and its checks."""
CHECKS = TypeAdapter(tuple[tuple[Check, ...], ...])
"""What is written: the checks of each of ``REFITS``."""


class Request(Strict):
    """What is refitted."""

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
    given = RefitInput(request.config, request.decisions, read_table(request.train_file))
    return tuple(tuple(look(given)) for _, look in REFITS)
