"""Durations: the time of each stage in the last run, or its usual time, so that the user knows how long to wait.

The measurements are in ``durations.json`` in the runs folder. They are only printed: no decision depends on them, and a
damaged or read-only file is not an error.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.config import ModelConfig

FILE = "durations.json"
TYPICAL_S: dict[str, tuple[float, float]] = {
    "config": (0, 1),
    "data": (1, 10),
    "validate": (1, 8),
    "study": (15, 120),
    "features": (60, 600),
    "fit": (5, 60),
    "export": (8, 45),
    "gate": (10, 90),
    "register": (2, 10),
}
"""Seconds that a stage takes for the shipped models (500 to 20,000 rows) on two cores, from and to. The stages ``select`` and
``sweep`` are excluded, because their time is in the config."""
_SHORT_S = 10.0
"""Shorter stages are not announced."""


class Durations:
    """The durations of one model's stages."""

    def __init__(self, folder: Path, config: ModelConfig) -> None:
        """Read the previous measurements.

        Args:
            folder: the runs folder.
            config: the model, with the time budgets of ``select`` and ``sweep``.
        """
        self._path = folder / FILE
        self._name = config.name
        self._config = config
        self._measured = self._read().get(self._name, {})

    def expect(self, stage: str) -> str:
        """Return the expected duration of a stage in brackets; empty for a short stage."""
        last_s = self._measured.get(stage)
        if last_s is not None:
            return f" (took {in_words(last_s)} last time)" if last_s > _SHORT_S else ""
        low, high = self._typical(stage)
        return f" (usually {_range(low, high)})" if high > _SHORT_S else ""

    def expect_all(self, stages: Sequence[str]) -> str:
        """Return the expected duration of all stages; empty if they are short."""
        if all(stage in self._measured for stage in stages):
            seconds = sum(self._measured[stage] for stage in stages)
            return f"This took {in_words(seconds)} last time on this computer." if seconds > _SHORT_S else ""
        ranges = [self._typical(stage) for stage in stages]
        low, high = sum(low for low, _ in ranges), sum(high for _, high in ranges)
        if high <= 2 * _SHORT_S:
            return ""
        return f"The first time this usually takes {_range(low, high)} on two cores, more with more than 20,000 rows."

    def record(self, elapsed_s: dict[str, float]) -> None:
        """Store the durations of stages in seconds by their names."""
        if not elapsed_s:
            return
        self._measured |= elapsed_s
        content = self._read()
        content[self._name] = content.get(self._name, {}) | {
            stage: round(seconds, 1) for stage, seconds in elapsed_s.items()
        }
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=self._path.parent, prefix=f".{FILE}-")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=2, sort_keys=True)
            Path(part).replace(self._path)

    def _typical(self, stage: str) -> tuple[float, float]:
        """Return the usual duration of a stage in seconds, from and to. The config limits some stages."""
        if stage in ("select", "sweep"):
            minutes = self._config.selection.minutes if stage == "select" else self._config.sweep.minutes
            return 15 * minutes, 60 * minutes
        return TYPICAL_S.get(stage, (0.0, 0.0))

    def _read(self) -> dict[str, dict[str, float]]:
        try:
            content = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        if not isinstance(content, dict):
            return {}
        return {
            str(name): {str(stage): float(took) for stage, took in stages.items() if _is_seconds(took)}
            for name, stages in content.items()
            if isinstance(stages, dict)
        }


def in_words(seconds: float) -> str:
    """Return a duration as text: 48 s, 3 min, 1 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _range(low: float, high: float) -> str:
    return f"{in_words(low)} to {in_words(high)}"


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e7
