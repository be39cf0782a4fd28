"""The outcome of a stage, for the summary and for tracking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """The outcome of a stage."""

    detail: str
    """A short text for the summary of the run."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Decisions and settings by name."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Metrics by name."""
