"""The sections of the model card about quality: decision, calibration, slices and champion."""

from __future__ import annotations

import dataclasses

import pytest

from tabento.bundle.manifest import Provenance
from tabento.bundle.reference import CategoryDistribution, Reference
from tabento.packaging.reference import number_distribution
from tests.training.gate.gates import cached_report, orchard_gate_input, seedling_gate_input
from training.config import Decision, Intervals
from training.gate import ChampionFigures, GateInput, GateReport
from training.model.coverage import CoverageFigures
from training.report.card import Findings, render_card
from training.report.card.quality_sections import (
    calibration_section,
    champion_section,
    coverage_section,
    decision_section,
    slices_section,
)

PROVENANCE = Provenance(
    data="real",
    data_source="seedlings.csv",
    data_sha256="a" * 64,
    rows=900,
    fingerprint="f" * 64,
    trained_at="2026-01-01T00:00:00+00:00",
    versions={"python": "3.11.7"},
)


def findings_of(gate_input: GateInput, report: GateReport, **changes: object) -> Findings:
    """Return what a run has found out about a small model."""
    findings = Findings(
        tag=f"{gate_input.config.name}:abc",
        provenance=PROVENANCE,
        train_rows=len(gate_input.train),
        test_rows=len(gate_input.test),
        metrics=gate_input.metrics,
        parity=gate_input.parity,
        latency=gate_input.latency,
        gate=report,
        threshold=gate_input.contract.output.threshold,
    )
    return dataclasses.replace(findings, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def gate_report() -> GateReport:
    """The seedlings' report."""
    return cached_report(seedling_gate_input())


def test_card_of_a_classification_is_complete(gate_report: GateReport) -> None:
    """The card has the classes, the threshold, the calibration and the worst slice, and no text of a regression's card."""
    gate_input = seedling_gate_input()
    card = render_card(gate_input.config, findings_of(gate_input, gate_report))
    assert "is one of `alive` (It stands), `died` (It is gone), with the probability of each" in card
    assert "| decision threshold |" in card
    assert "the highest F1 in cross-validation inside the training part" in card
    assert "### Calibration" in card
    assert "### Slices" in card
    assert "| Area under the ROC curve |" in card
    assert "target on the scale" not in card
    assert "None" not in card


def test_worst_slice_is_marked(gate_report: GateReport) -> None:
    """The first row of the table is the worst slice with enough rows."""
    section = slices_section(seedling_gate_input().config, gate_report)
    worst = next(item for item in gate_report.slices if item.is_evaluated)
    assert f"| **{worst.column}** | **{worst.part}** |" in section
    assert section.count("**") == 12
    assert f"of {len(gate_report.slices)} slices" in section


def test_cost_of_the_decision_is_in_the_section(gate_report: GateReport) -> None:
    """The section has the cost of a mistake and the cost per row of the decisions on the test part."""
    gate_input = seedling_gate_input()
    decision = Decision(by="cost", false_positive_cost=1.0, false_negative_cost=10.0)
    config = gate_input.config.model_copy(update={"decision": decision})
    target = CategoryDistribution(count=600, null_rate=0, shares={"alive": 0.8, "died": 0.2})
    reference = Reference(features={}, prediction=target, target=target)
    metrics = {"recall": 0.75, "precision": 0.5}
    findings = findings_of(gate_input, gate_report, threshold=0.1, reference=reference, metrics=metrics)
    text = decision_section(config, findings)
    # Missed: 0.2 · 0.25 · 10 = 0.5. Wrong: 0.2 · 0.75 · (1/0.5 - 1) · 1 = 0.15.
    assert "a wrong `died` costs 1, a missed one 10" in text
    assert "0.65 per row; never answering `died` would cost 2" in text
    assert "per row; never" not in decision_section(config, findings_of(gate_input, gate_report, threshold=0.1))


def test_other_decisions_are_described(gate_report: GateReport) -> None:
    """The section names the most probable class or the fixed threshold, and is empty for a number."""
    gate_input = seedling_gate_input()
    plain = gate_input.config.model_copy(update={"decision": Decision()})
    assert (
        decision_section(plain, findings_of(gate_input, gate_report, threshold=None))
        == "The most probable class is answered."
    )
    fixed = gate_input.config.model_copy(update={"decision": Decision(by="fixed", threshold=0.3)})
    assert "The config fixes the threshold." in decision_section(
        fixed, findings_of(gate_input, gate_report, threshold=0.3)
    )
    assert decision_section(orchard_gate_input().config, findings_of(gate_input, gate_report)) == ""


def test_champion_is_named_with_the_interval(gate_report: GateReport) -> None:
    """The section has both scores, the difference, and the changes for clients."""
    champion = ChampionFigures(
        tag="orchard:old",
        metric="rmse",
        rows=200,
        champion=12.5,
        challenger=12.0,
        difference=-0.5,
        low=-0.9,
        high=-0.1,
        confidence=0.95,
        better_share=0.99,
        breaking=("'girth' is not a field any more",),
        compatible=("'slope' is new and may be left out",),
    )
    text = champion_section(orchard_gate_input().config, gate_report.model_copy(update={"champion": champion}))
    assert "RMSE 12 kg against 12.5 kg of `orchard:old`" in text
    assert "95% interval of the paired bootstrap -0.9 to -0.1 kg; better in 99%" in text
    assert "Breaks clients of the champion: 'girth' is not a field any more." in text
    assert champion_section(orchard_gate_input().config, gate_report) == ""


def test_empty_bins_are_omitted(gate_report: GateReport) -> None:
    """A bin without rows is omitted from the table."""
    assert gate_report.calibration is not None
    section = calibration_section(gate_report.calibration)
    filled = sum(item.rows > 0 for item in gate_report.calibration.bins)
    assert len(section.splitlines()) == 4 + filled
    assert calibration_section(None) == ""


def test_numbers_have_slices_in_their_unit() -> None:
    """The slices of a regression have the target's unit."""
    gate_input = orchard_gate_input()
    section = slices_section(gate_input.config, cached_report(gate_input))
    assert "mean absolute error in kg" in section
    assert number_distribution(gate_input.truth, "apples").count == 200


def test_coverage_is_in_the_card_with_its_interval() -> None:
    """The section has the promise, the ranges of the calibration and the coverage of all rows; without intervals it is empty."""
    gate_input = orchard_gate_input()
    config = gate_input.config.model_copy(update={"intervals": Intervals(by="age")})
    part = {"column": "all rows", "part": "", "rows": 200, "coverage": 0.905, "low": 0.855, "high": 0.942}
    coverage = (CoverageFigures.model_validate({**part, "width": 51.5, "is_evaluated": True}),)
    report = cached_report(gate_input).model_copy(update={"coverage": coverage})
    section = coverage_section(config, findings_of(gate_input, report, coverage=0.9))
    assert "inside for 90% of new rows, also within each range of `age`" in section
    assert "| all rows |  | 200 | 90.5% | 85.5% to 94.2% | 51.5 |" in section
    assert "mean width in kg" in section
    assert coverage_section(config, findings_of(gate_input, cached_report(gate_input))) == ""
