"""The result of a retraining, as it is stored."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, ConfigDict, Field

from tabento.bundle.contract import Strict
from training.stages.retraining.drift import DriftReport
from training.stages.retraining.schema import SchemaReport

Outcome = Literal["challenger", "nothing_to_do", "refused"]
"""``challenger``: a model was trained, passed its gate and waits to be promoted. ``nothing_to_do``: the condition of
the training was not met. ``refused``: the data cannot be trained on, or the model failed its gate."""

EXIT_CODES: dict[Outcome, int] = {"challenger": 0, "refused": 1, "nothing_to_do": 3}


class TrainedVersion(Strict):
    """A version in the registry."""

    version: str
    """``name/number``."""
    bundle: str
    """The bundle's tag in the BentoML model store."""
    metrics: dict[str, float]
    """The metrics on the test part of its own data."""


class RetrainResult(Strict):
    """The content of ``retrain.json``."""

    # The stored report keeps the key `began`.
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    name: str
    """The model."""
    outcome: Outcome
    reasons: tuple[str, ...]
    """The reasons of the outcome as sentences, in the order of the checks."""
    started_at: AwareDatetime = Field(alias="began")
    """The start, UTC."""
    seconds: float
    """The duration."""
    data_source: str
    data_sha256: str
    data_rows: int
    champion: TrainedVersion | None
    """The version that serves; None if no version serves yet."""
    challenger: TrainedVersion | None
    """The version that was made; None if no version was made."""
    schema_report: SchemaReport | None
    """The data against the champion's contract; None without a champion."""
    drift: DriftReport | None
    """The data against the champion's training data; None without a champion, or if the data is not valid."""

    @property
    def exit_code(self) -> int:
        """The exit code of the command: 0 challenger, 1 refused, 3 nothing to do."""
        return EXIT_CODES[self.outcome]
