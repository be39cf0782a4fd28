"""What a stage tells when it has ended: for the line of its end, and for tracking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What a stage has found."""

    detail: str
    """A few words for the summary of the run."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """What was decided or given, by name."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Figures, by name."""
