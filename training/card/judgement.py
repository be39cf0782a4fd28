"""Parts of the model card that say how it was judged: decision, calibration, slices, champion."""

from __future__ import annotations

from bundle.contract import label_key
from bundle.numbers import number_text
from training.card.findings import Findings
from training.card.markdown import bullets, figure, markdown_table
from training.config import ModelConfig
from training.gate import CalibrationFigures, GateReport
from training.metric_names import name_of, unit_of

SLICES_SHOWN = 12
"""How many slices a card shows, the worst ones; the gate's report has all."""


def decision_section(config: ModelConfig, findings: Findings) -> str:
    """Say when a binary classification answers its positive class, and what that costs; empty where there is nothing."""
    classes, decision = config.target.classes, config.decision
    if classes is None:
        return ""
    if findings.threshold is None:
        return "The most probable class is answered."
    label = label_key(classes[-1].label)
    lines = [f"`{label}` is answered from a probability of {findings.threshold:.4g} on."]
    if decision.by == "f1":
        lines.append("The threshold is the one with the highest F1 in cross-validation inside the training part.")
    elif decision.by == "cost":
        lines.append(
            "The threshold is the one with the lowest cost per row in cross-validation inside the training part: a wrong"
            f" `{label}` costs {number_text(decision.false_positive_cost or 0)}, a missed one {number_text(decision.false_negative_cost or 0)}."
        )
        lines += _cost(config, findings)
    else:
        lines.append("The config fixes the threshold.")
    return " ".join(lines)


def _cost(config: ModelConfig, findings: Findings) -> list[str]:
    """Say what the decisions on the test part cost per row, from recall, precision and the share of positive rows."""
    reference = findings.reference
    target = reference.target if reference is not None else None
    recall, precision = findings.metrics.get("recall"), findings.metrics.get("precision")
    shares = getattr(target, "shares", None)
    classes, decision = config.target.classes, config.decision
    if not isinstance(shares, dict) or classes is None or not recall or not precision:
        return []
    if decision.false_positive_cost is None or decision.false_negative_cost is None:
        return []
    positive = shares[label_key(classes[-1].label)]
    missed, wrong = positive * (1 - recall), positive * recall * (1 / precision - 1)
    cost = decision.false_positive_cost * wrong + decision.false_negative_cost * missed
    never = decision.false_negative_cost * positive
    return [
        f"With the test part's precision and recall, and {positive:.1%} such rows as in training, that is"
        f" {figure(cost)} per row; never answering `{label_key(classes[-1].label)}` would cost {figure(never)}."
    ]


def calibration_section(found: CalibrationFigures | None) -> str:
    """Return how far probabilities can be believed; empty for a regression."""
    if found is None:
        return ""
    rows = [
        (f"{item.low:.3g} to {item.high:.3g}", f"{item.rows:,}", f"{item.probability:.3f}", f"{item.frequency:.3f}")
        for item in found.bins
        if item.probability is not None and item.frequency is not None
    ]
    return (
        f"Probability of {found.of}: Brier score {found.brier:.4f}, expected calibration error {found.ece:.4f}.\n\n"
        + markdown_table(("probability", "rows", "mean probability", "how often it was so"), rows)
    )


def slices_section(config: ModelConfig, report: GateReport) -> str:
    """Return the slices of the test rows on which the model does worst, the worst of those with rows enough marked."""
    if not report.slices:
        return ""
    loss = "mean absolute error" if config.target.classes is None else "log loss"
    unit = f" in {config.target.unit}" if config.target.unit else ""
    judged = [item for item in report.slices if item.judged]
    shown = (judged or list(report.slices))[:SLICES_SHOWN]
    rows = []
    for place, item in enumerate(shown):
        cells = [
            item.column,
            item.part,
            f"{item.rows:,}",
            figure(item.loss),
            f"{item.ratio:.2f}",
            f"{item.low:.2f} to {item.high:.2f}",
        ]
        rows.append([f"**{cell}**" for cell in cells] if place == 0 else cells)
    few = len(report.slices) - len(judged)
    said = (
        f"The ratio is that of a slice's {loss} to that of all test rows, with its 95% bootstrap interval; the worst is in"
        f" bold. Shown are {len(shown)} of {len(report.slices)} slices"
        + (f"; {few} {'has' if few == 1 else 'have'} too few rows to be judged." if few else ".")
    )
    return said + "\n\n" + markdown_table(("column", "part", "rows", f"{loss}{unit}", "ratio", "interval"), rows)


def champion_section(config: ModelConfig, report: GateReport) -> str:
    """Say how the model compares with the one in service; empty where there was none to compare with."""
    found = report.champion
    if found is None:
        return ""
    unit = unit_of(found.metric, config.target.unit)
    suffix = f" {unit}" if unit else ""
    lines = [
        f"{name_of(found.metric)} {figure(found.challenger)}{suffix} against {figure(found.champion)}{suffix} of"
        f" `{found.tag}`, both on {found.rows:,} test rows.",
        f"Difference {figure(found.difference)}{suffix}, {found.confidence:.0%} interval of the paired bootstrap"
        f" {figure(found.low)} to {figure(found.high)}{suffix}; better in {found.better_share:.0%} of the resamples.",
        *(f"Breaks clients of the champion: {change}." for change in found.breaking),
        *(f"Changes, without breaking clients: {change}." for change in found.compatible),
    ]
    return bullets(lines)
