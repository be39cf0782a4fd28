"""Durations: how long each stage took here the last time, or about how long it takes, so that nobody waits in the dark.

What was measured lies in ``durations.json`` in the runs folder. It is a help for people: nothing is decided by it, and a
file that is damaged or cannot be written is no error.
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
``sweep`` are left out: their time is in the config."""
_SHORT_S = 10.0
"""What takes no longer needs no word beforehand."""


class Durations:
    """The durations of one model's stages."""

    def __init__(self, folder: Path, config: ModelConfig) -> None:
        """Read what was measured before.

        Args:
            folder: the runs folder.
            config: the model; its budgets say how long ``select`` and ``sweep`` may take.
        """
        self._path = folder / FILE
        self._name = config.name
        self._config = config
        self._measured = self._read().get(self._name, {})

    def expect(self, stage: str) -> str:
        """Return what to expect of a stage, in brackets; nothing for a short one."""
        known = self._measured.get(stage)
        if known is not None:
            return f" (took {in_words(known)} last time)" if known > _SHORT_S else ""
        low, high = self._typical(stage)
        return f" (usually {_range(low, high)})" if high > _SHORT_S else ""

    def expect_all(self, stages: Sequence[str]) -> str:
        """Return what to expect of all stages together; nothing if they are short."""
        if all(stage in self._measured for stage in stages):
            seconds = sum(self._measured[stage] for stage in stages)
            return f"This took {in_words(seconds)} last time on this machine." if seconds > _SHORT_S else ""
        known = [self._typical(stage) for stage in stages]
        low, high = sum(low for low, _ in known), sum(high for _, high in known)
        if high <= 2 * _SHORT_S:
            return ""
        return f"The first time this usually takes {_range(low, high)} on two cores, more with more than 20,000 rows."

    def record(self, taken: dict[str, float]) -> None:
        """Keep how long stages took, in seconds by their names."""
        if not taken:
            return
        self._measured |= taken
        whole = self._read()
        whole[self._name] = whole.get(self._name, {}) | {stage: round(seconds, 1) for stage, seconds in taken.items()}
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=self._path.parent, prefix=f".{FILE}-")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(whole, file, indent=2, sort_keys=True)
            Path(part).replace(self._path)

    def _typical(self, stage: str) -> tuple[float, float]:
        """Return how many seconds a stage usually takes, from and to; the config is read for the stages that it limits."""
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
    """Return a duration as a person says it: 48 s, 3 min, 1 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _range(low: float, high: float) -> str:
    return f"{in_words(low)} to {in_words(high)}"


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e7
