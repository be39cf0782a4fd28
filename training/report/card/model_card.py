"""The model card: use, data, quality, checks and limits of a model, in the run's own numbers."""

from __future__ import annotations

from tabento.bundle.contract import label_key
from tabento.bundle.manifest import Provenance
from tabento.bundle.numbers import number_text
from training.config import Decisions, Estimator, ModelConfig
from training.report.card.findings import Findings
from training.report.card.markdown import render_template
from training.report.card.quality_sections import (
    calibration_section,
    champion_section,
    coverage_section,
    decision_section,
    slices_section,
)
from training.report.card.sections import (
    feature_row,
    importances_section,
    interval_rows,
    latency_section,
    parity_section,
    sensitive_section,
)


def render_card(config: ModelConfig, findings: Findings) -> str:
    """Return a model's card as Markdown.

    Args:
        config: the model's config; its ``card`` holds the notes of people.
        findings: the run's results.
    """
    decisions = findings.decisions or config.decisions()
    rows = interval_rows(config, findings.metrics, findings.intervals)
    head = ("metric", "value", "interval") if findings.intervals else ("metric", "value")
    return render_template(
        "model_card.md.j2",
        config=config,
        findings=findings,
        decisions=decisions,
        provenance=findings.provenance,
        notes=config.card,
        summary=_summary_rows(config, findings, decisions),
        answer=_answer_text(config),
        features=[feature_row(feature) for feature in config.features],
        ignored=[item.name for item in config.features if item.name not in decisions.columns],
        derived=_list_derived_features(config, decisions),
        quality=[row[: len(head)] for row in rows],
        quality_head=head,
        quality_sections=(
            ("Decision", decision_section(config, findings)),
            ("Calibration", calibration_section(findings.gate.calibration)),
            ("Slices", slices_section(config, findings.gate)),
            ("Coverage", coverage_section(config, findings)),
            ("Importances", importances_section(config, findings.importances)),
            ("Against the champion", champion_section(config, findings.gate)),
        ),
        study_sections=(
            ("How the estimator was selected", findings.selection),
            ("How its parameters were found", findings.sweep),
        ),
        parity=parity_section(findings.parity, config.target.unit),
        latency=latency_section(findings.latency),
        sensitive=sensitive_section(config),
        commit=_commit_text(findings.provenance),
        command=_training_command(config, findings.provenance, decisions),
    )


def _summary_rows(config: ModelConfig, findings: Findings, decisions: Decisions) -> list[tuple[str, str]]:
    provenance = findings.provenance
    rows: list[tuple[str, str]] = [
        ("name", config.name),
        ("bundle", findings.tag),
        ("pipeline", provenance.pipeline_tag or "not stored"),
        ("task", config.task),
        ("estimator", _estimator_text(config, decisions.estimator)),
        ("columns", f"{len(decisions.columns)} of {len(config.features)}"),
    ]
    if findings.threshold is not None:
        rows.append(("decision threshold", f"{findings.threshold:.4g}"))
    rows += [
        ("trained", provenance.trained_at),
        ("data", provenance.data),
        ("latency promise", f"p99 {number_text(config.slo.p99_ms)} ms"),
    ]
    return rows


def _estimator_text(config: ModelConfig, estimator: Estimator) -> str:
    text: str = estimator.kind
    if estimator.members:
        text += " of " + ", ".join(member.kind for member in estimator.members)
    return f"{text}, target on the scale {estimator.target}" if config.task == "regression" else text


def _answer_text(config: ModelConfig) -> str:
    """Return the description of the answer: a number, or one of the classes with their descriptions."""
    classes = config.target.classes
    if classes is None:
        return f"a number{f' in {config.target.unit}' if config.target.unit else ''}"
    named = [
        f"`{label_key(item.label)}`" + (f" ({item.description.rstrip('.')})" if item.description else "")
        for item in classes
    ]
    ranked = ", and all of them ranked from the most to the least probable" if config.target.ranking else ""
    return f"one of {', '.join(named)}, with the probability of each{ranked}"


def _list_derived_features(config: ModelConfig, decisions: Decisions) -> list[str]:
    """Return a line for each feature that the model computes from the sent columns."""
    used = set(decisions.columns)
    lines = [
        f"`{ratio.name}` = `{ratio.numerator}` / `{ratio.denominator}`"
        for ratio in config.derived.ratios
        if {ratio.numerator, ratio.denominator} <= used
    ]
    clusters = config.derived.clusters
    if clusters is not None and used >= set(clusters.columns):
        columns = ", ".join(f"`{column}`" for column in clusters.columns)
        count = decisions.n_clusters or clusters.n_clusters
        lines.append(
            f"similarity of ({columns}) to {count} k-means centres, exp(-{number_text(clusters.gamma)} · distance²)"
        )
    lines += [
        f"{', '.join(part.replace('_', ' ') for part in dates.parts)} of `{dates.column}`, in UTC"
        for dates in config.derived.dates
        if dates.column in used
    ]
    lines += [
        f"`{custom.transformer}` of {', '.join(f'`{column}`' for column in custom.columns)} (code {(custom.sha256 or '')[:12]})"
        for custom in config.derived.custom
        if used >= set(custom.columns)
    ]
    return lines


def _commit_text(provenance: Provenance) -> str:
    commit = provenance.git_commit or "unknown (trained outside a checkout)"
    return f"{commit[:-1]}, with changes that were not committed" if commit.endswith("+") else commit


def _training_command(config: ModelConfig, provenance: Provenance, decisions: Decisions) -> str:
    data = "synthetic" if provenance.data == "synthetic" else "<the file with the checksum above>"
    if decisions != config.decisions():
        # No config has the decisions of the studies: the same stages lead to them again.
        return f"tabento train --config configs/{config.name}.yaml --data {data} --steps all"
    return f"make train MODEL={config.name} DATA={data}"
