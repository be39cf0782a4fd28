"""What a retraining came to, as it is written down."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from bundle.contract import Strict
from training.retraining.drift import DriftReport
from training.retraining.schema import SchemaReport

Outcome = Literal["challenger", "nothing_to_do", "refused"]
"""``challenger``: a model was trained, passed its gate and waits to be promoted. ``nothing_to_do``: the condition under
which it should train was not met. ``refused``: the data cannot be trained on, or the model failed its gate."""

EXIT_CODES: dict[Outcome, int] = {"challenger": 0, "refused": 1, "nothing_to_do": 3}


class Trained(Strict):
    """A version in the registry."""

    version: str
    """``name/number``."""
    bundle: str
    """The bundle's tag in the BentoML model store."""
    metrics: dict[str, float]
    """The figures on the test part of its own data."""


class RetrainResult(Strict):
    """The content of ``retrain.json``."""

    name: str
    """The model."""
    outcome: Outcome
    reasons: tuple[str, ...]
    """Why it came to that, in words, in the order in which it was found out."""
    began: AwareDatetime
    """UTC."""
    seconds: float
    """How long it took."""
    data_source: str
    data_sha256: str
    data_rows: int
    champion: Trained | None
    """The version that serves; None where there is none yet."""
    challenger: Trained | None
    """The version that was made; None where none was."""
    schema_report: SchemaReport | None
    """The data against the champion's contract; None without a champion."""
    drift: DriftReport | None
    """The data against the champion's training data; None without a champion, or where the data is not valid."""

    @property
    def exit_code(self) -> int:
        """What the command ends with: 0 challenger, 1 refused, 3 nothing to do."""
        return EXIT_CODES[self.outcome]
