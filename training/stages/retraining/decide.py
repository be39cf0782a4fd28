"""The decision whether to train: always, or only if the data changed."""

from __future__ import annotations

from dataclasses import dataclass

from tabento.bundle.numbers import number_text
from training.stages.retraining.drift import PSI_RETRAIN, DriftReport
from training.stages.retraining.schema import SchemaReport


@dataclass(frozen=True)
class Conditions:
    """The conditions of a training. If several are set, one is enough. Without a condition, the model is always trained."""

    if_drift: bool = False
    """Train if a column drifted far enough, or the schema changed."""
    if_changed: bool = False
    """Train if the data is not the champion's data."""


@dataclass(frozen=True)
class Decision:
    """The decision whether to train, with its reasons."""

    train: bool
    reasons: tuple[str, ...]


def decide(conditions: Conditions, schema: SchemaReport, drift: DriftReport | None, *, same_data: bool) -> Decision:
    """Decide whether to train.

    Args:
        conditions: the requested conditions.
        schema: the data against the champion's contract.
        drift: the data against the champion's training data; None if the data could not be validated.
        same_data: whether the data is the champion's own, by its checksum.
    """
    reasons = []
    if conditions.if_drift:
        reasons += schema.in_words()
        reasons += [
            f"{column.name!r} drifted: PSI {column.psi:.3f}, at least {number_text(PSI_RETRAIN)}"
            for column in (drift.drifted if drift is not None else ())
        ]
    if conditions.if_changed and not same_data:
        reasons.append("the data is not the champion's data")
    if not (conditions.if_drift or conditions.if_changed):
        return Decision(True, ("training was requested without a condition",))
    if reasons:
        return Decision(True, tuple(reasons))
    highest = "" if drift is None else f": the highest PSI is {drift.psi_max:.3f}"
    unmet_conditions = [f"nothing drifted{highest}, and the schema is the same"] if conditions.if_drift else []
    unmet_conditions += ["the data is the champion's data"] if conditions.if_changed else []
    return Decision(False, tuple(unmet_conditions))
