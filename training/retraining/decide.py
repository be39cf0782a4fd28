"""Whether to train: always, or only where the data asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from bundle.numbers import number_text
from training.retraining.drift import PSI_RETRAIN, DriftReport
from training.retraining.schema import SchemaReport


@dataclass(frozen=True)
class Conditions:
    """Under which conditions a model is trained; with several, one that is met is enough. Without any it always is."""

    if_drift: bool = False
    """Where a column drifted so far that the model should be trained anew, or the schema changed."""
    if_changed: bool = False
    """Where the data is another than that of the champion."""


@dataclass(frozen=True)
class Decision:
    """Whether to train, and why."""

    train: bool
    reasons: tuple[str, ...]


def decide(conditions: Conditions, schema: SchemaReport, drift: DriftReport | None, *, same_data: bool) -> Decision:
    """Decide by what was found.

    Args:
        conditions: what was asked for.
        schema: the data against the champion's contract.
        drift: the data against the champion's training data; None where the data could not be validated.
        same_data: whether the data is the champion's own, by its checksum.
    """
    met = []
    if conditions.if_drift:
        met += schema.in_words()
        met += [
            f"{column.name!r} drifted: PSI {column.psi:.3f}, at least {number_text(PSI_RETRAIN)}"
            for column in (drift.drifted if drift is not None else ())
        ]
    if conditions.if_changed and not same_data:
        met.append("the data is not that of the champion")
    if not (conditions.if_drift or conditions.if_changed):
        return Decision(True, ("training was asked for without a condition",))
    if met:
        return Decision(True, tuple(met))
    highest = "" if drift is None else f": the highest PSI is {drift.psi_max:.3f}"
    unmet = [f"nothing drifted{highest}, and the schema is the same"] if conditions.if_drift else []
    unmet += ["the data is that of the champion"] if conditions.if_changed else []
    return Decision(False, tuple(unmet))
