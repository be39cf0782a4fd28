"""Sections of the model card about its quality: decision, calibration, slices, champion."""

from __future__ import annotations

from dataclasses import dataclass

from tabento.bundle.contract import label_key
from training.config import CoverageLimits, ModelConfig
from training.config.metric_names import name_of, unit_of
from training.gate import CalibrationFigures, GateReport
from training.report.card.findings import Findings
from training.report.card.markdown import format_number, join_lines, render_section

SLICES_SHOWN = 12
"""The number of slices in a card, the worst ones; the gate's report has all."""


@dataclass(frozen=True)
class DecisionCost:
    """Cost of the decisions on the test part, in the unit of the config's costs."""

    positive_share: float
    """The share of positive rows in the training part."""
    per_row: float
    never: float
    """The cost per row of never answering the positive class."""


def decision_section(config: ModelConfig, findings: Findings) -> str:
    """Return the rule by which a binary classification answers its positive class, with its cost; empty for a number."""
    classes = config.target.classes
    if classes is None:
        return ""
    if findings.threshold is None:
        return "The most probable class is answered."
    label, cost = label_key(classes[-1].label), decision_cost(config, findings)
    return join_lines(render_section("decision", findings.threshold, config.decision, label, cost))


def decision_cost(config: ModelConfig, findings: Findings) -> DecisionCost | None:
    """Compute the cost per row from recall, precision and the share of positive rows; None if one of them is unknown."""
    reference = findings.reference
    target = reference.target if reference is not None else None
    recall, precision = findings.metrics.get("recall"), findings.metrics.get("precision")
    shares = getattr(target, "shares", None)
    classes, decision = config.target.classes, config.decision
    if not isinstance(shares, dict) or classes is None or not recall or not precision:
        return None
    if decision.false_positive_cost is None or decision.false_negative_cost is None:
        return None
    positive = shares[label_key(classes[-1].label)]
    missed, wrong = positive * (1 - recall), positive * recall * (1 / precision - 1)
    cost = decision.false_positive_cost * wrong + decision.false_negative_cost * missed
    return DecisionCost(positive, cost, decision.false_negative_cost * positive)


def calibration_section(figures: CalibrationFigures | None) -> str:
    """Return the section about the calibration of probabilities; empty for a regression."""
    if figures is None:
        return ""
    rows = [
        (f"{item.low:.3g} to {item.high:.3g}", f"{item.rows:,}", f"{item.probability:.3f}", f"{item.frequency:.3f}")
        for item in figures.bins
        if item.probability is not None and item.frequency is not None
    ]
    return render_section("calibration", figures, rows)


def slices_section(config: ModelConfig, report: GateReport) -> str:
    """Return the section about the slices with the highest loss; the worst slice with enough rows is in bold."""
    if not report.slices:
        return ""
    loss = "mean absolute error" if config.target.classes is None else "log loss"
    unit = f" in {config.target.unit}" if config.target.unit else ""
    evaluated_slices = [item for item in report.slices if item.is_evaluated]
    table_slices = (evaluated_slices or list(report.slices))[:SLICES_SHOWN]
    rows = []
    for place, item in enumerate(table_slices):
        cells = [
            item.column,
            item.part,
            f"{item.rows:,}",
            format_number(item.loss),
            f"{item.ratio:.2f}",
            f"{item.low:.2f} to {item.high:.2f}",
        ]
        rows.append([f"**{cell}**" for cell in cells] if place == 0 else cells)
    return render_section("slices", rows, len(report.slices), len(report.slices) - len(evaluated_slices), loss, unit)


def coverage_section(config: ModelConfig, findings: Findings) -> str:
    """Return the section about the coverage of prediction intervals or sets; empty if answers have neither."""
    if not findings.gate.coverage or findings.coverage is None:
        return ""
    rows = [
        (
            item.column,
            item.part,
            f"{item.rows:,}",
            f"{item.coverage:.1%}",
            f"{item.low:.1%} to {item.high:.1%}",
            format_number(item.width),
        )
        for item in findings.gate.coverage
        if item.is_evaluated
    ]
    unit = f" in {config.target.unit}" if config.target.unit else ""
    width = f"mean width{unit}" if config.target.classes is None else "labels in a set"
    subject = "interval" if config.target.classes is None else "set"
    limits = config.gate.coverage
    confidence = limits.confidence if limits is not None else CoverageLimits().confidence
    by = config.intervals.by if config.intervals is not None else None
    return render_section("coverage", rows, subject, findings.coverage, confidence, width, by)


def champion_section(config: ModelConfig, report: GateReport) -> str:
    """Return the section about the comparison with the champion; empty without a champion."""
    figures = report.champion
    if figures is None:
        return ""
    unit = unit_of(figures.metric, config.target.unit)
    suffix = f" {unit}" if unit else ""
    return render_section("champion", figures, name_of(figures.metric), suffix)
