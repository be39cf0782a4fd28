"""The card says how a model was judged: decision, calibration, slices and the champion."""

from __future__ import annotations

import dataclasses

import pytest

from bundle.manifest import Provenance
from bundle.reference import CategoryDistribution, Reference
from tests.training.gate.gates import gated, orchard_given, seedling_given
from training.card import Findings, render_card
from training.card.judgement import calibration_section, champion_section, decision_section, slices_section
from training.config import Decision
from training.gate import ChampionFigures, GateInput, GateReport
from training.reference import number_distribution

PROVENANCE = Provenance(
    data="real",
    data_source="seedlings.csv",
    data_sha256="a" * 64,
    rows=900,
    fingerprint="f" * 64,
    trained_at="2026-01-01T00:00:00+00:00",
    versions={"python": "3.11.7"},
)


def findings_of(given: GateInput, report: GateReport, **more: object) -> Findings:
    """Return what a run has found out about a small model."""
    found = Findings(
        tag=f"{given.config.name}:abc",
        provenance=PROVENANCE,
        train_rows=len(given.train),
        test_rows=len(given.test),
        metrics=given.metrics,
        parity=given.parity,
        latency=given.latency,
        gate=report,
        threshold=given.contract.output.threshold,
    )
    return dataclasses.replace(found, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def judged() -> GateReport:
    """The seedlings' report."""
    return gated(seedling_given())


def test_card_of_a_classification_is_whole(judged: GateReport) -> None:
    """It names the classes, the threshold, the calibration and the worst slice, and has no word of a number's card."""
    given = seedling_given()
    card = render_card(given.config, findings_of(given, judged))
    assert "is one of `alive` (It stands), `died` (It is gone), with the probability of each" in card
    assert "| decision threshold |" in card
    assert "the highest F1 in cross-validation inside the training part" in card
    assert "### Calibration" in card
    assert "### Slices" in card
    assert "| Area under the ROC curve |" in card
    assert "target on the scale" not in card
    assert "None" not in card


def test_worst_slice_is_marked(judged: GateReport) -> None:
    """The first row of the table is the worst of the slices that have rows enough."""
    section = slices_section(seedling_given().config, judged)
    worst = next(item for item in judged.slices if item.judged)
    assert f"| **{worst.column}** | **{worst.part}** |" in section
    assert section.count("**") == 12
    assert f"of {len(judged.slices)} slices" in section


def test_cost_of_the_decision_is_told(judged: GateReport) -> None:
    """By cost the card says what a mistake costs, and what the decisions of the test part cost per row."""
    given = seedling_given()
    decision = Decision(by="cost", false_positive_cost=1.0, false_negative_cost=10.0)
    config = given.config.model_copy(update={"decision": decision})
    target = CategoryDistribution(count=600, null_rate=0, shares={"alive": 0.8, "died": 0.2})
    reference = Reference(features={}, prediction=target, target=target)
    metrics = {"recall": 0.75, "precision": 0.5}
    told = findings_of(given, judged, threshold=0.1, reference=reference, metrics=metrics)
    text = decision_section(config, told)
    # Missed: 0.2 · 0.25 · 10 = 0.5. Wrong: 0.2 · 0.75 · (1/0.5 - 1) · 1 = 0.15.
    assert "a wrong `died` costs 1, a missed one 10" in text
    assert "0.65 per row; never answering `died` would cost 2" in text
    assert "per row; never" not in decision_section(config, findings_of(given, judged, threshold=0.1))


def test_other_decisions_are_told(judged: GateReport) -> None:
    """The most probable class, or a threshold that the config fixes; a number has nothing to decide."""
    given = seedling_given()
    plain = given.config.model_copy(update={"decision": Decision()})
    assert decision_section(plain, findings_of(given, judged, threshold=None)) == "The most probable class is answered."
    fixed = given.config.model_copy(update={"decision": Decision(by="fixed", threshold=0.3)})
    assert "The config fixes the threshold." in decision_section(fixed, findings_of(given, judged, threshold=0.3))
    assert decision_section(orchard_given().config, findings_of(given, judged)) == ""


def test_champion_is_named_with_the_interval(judged: GateReport) -> None:
    """Both figures, the difference, and what clients have to change."""
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
        breaking=("'girth' is no field any more",),
        compatible=("'slope' is new and may be left out",),
    )
    text = champion_section(orchard_given().config, judged.model_copy(update={"champion": champion}))
    assert "RMSE 12 kg against 12.5 kg of `orchard:old`" in text
    assert "95% interval of the paired bootstrap -0.9 to -0.1 kg; better in 99%" in text
    assert "Breaks clients of the champion: 'girth' is no field any more." in text
    assert champion_section(orchard_given().config, judged) == ""


def test_empty_bins_are_no_rows(judged: GateReport) -> None:
    """A bin that no probability falls into is left out of the table."""
    assert judged.calibration is not None
    section = calibration_section(judged.calibration)
    filled = sum(item.rows > 0 for item in judged.calibration.bins)
    assert len(section.splitlines()) == 4 + filled
    assert calibration_section(None) == ""


def test_numbers_have_slices_in_their_unit() -> None:
    """A regression's slices are told in the target's unit."""
    given = orchard_given()
    section = slices_section(given.config, gated(given))
    assert "mean absolute error in kg" in section
    assert number_distribution(given.truth, "apples").count == 200
