"""Whether to train."""

from __future__ import annotations

import pytest

from training.stages.retraining.decide import Conditions, decide
from training.stages.retraining.drift import ColumnDrift, DriftReport, Level
from training.stages.retraining.schema import SchemaReport

SAME = SchemaReport(rows=10, removed=(), added=(), columns=())
OTHER = SchemaReport(rows=10, removed=("age",), added=(), columns=())


def drift(index: float, level: Level) -> DriftReport:
    """Return a report with one column."""
    column = ColumnDrift(
        name="age",
        role="feature",
        psi=index,
        level=level,
        p_value=0.0,
        ks=None,
        ks_p_value=None,
        missing_before=0.0,
        missing_now=0.0,
    )
    return DriftReport(rows=10, columns=(column,))


def test_without_a_condition_it_is_always_trained() -> None:
    """Nobody needs a reason to train."""
    assert decide(Conditions(), SAME, drift(0.0, "none"), same_data=True).train


@pytest.mark.parametrize(
    ("schema", "report", "train", "reason"),
    [
        (SAME, drift(0.25, "retrain"), True, "'age' drifted: PSI 0.250"),
        (SAME, drift(0.15, "moderate"), False, "the highest PSI is 0.150"),
        (OTHER, drift(0.0, "none"), True, "the column 'age' of the champion is missing"),
        (OTHER, None, True, "the column 'age' of the champion is missing"),
        (SAME, None, False, "nothing drifted, and"),
    ],
)
def test_drift_or_another_schema_is_a_reason(
    schema: SchemaReport, report: DriftReport | None, train: bool, reason: str
) -> None:
    """A moderate drift is none."""
    decision = decide(Conditions(if_drift=True), schema, report, same_data=False)
    assert decision.train is train
    assert reason in " ".join(decision.reasons)


def test_other_data_is_a_reason_where_it_is_asked_for() -> None:
    """Of two conditions one is enough; if none is met, the reasons name both."""
    conditions = Conditions(if_drift=True, if_changed=True)
    assert decide(Conditions(if_changed=True), SAME, None, same_data=False).train
    assert decide(conditions, SAME, drift(0.0, "none"), same_data=False).train
    decision = decide(conditions, SAME, drift(0.0, "none"), same_data=True)
    assert not decision.train
    assert len(decision.reasons) == 2
