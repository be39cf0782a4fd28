"""The model card: what a model is, from what it was made and how far it can be trusted, in the run's own figures."""

from __future__ import annotations

from bundle.contract import label_key
from bundle.manifest import Provenance
from bundle.numbers import number_text
from training.card.findings import Findings
from training.card.judgement import calibration_section, champion_section, decision_section, slices_section
from training.card.markdown import bullets, join_parts, lowered, markdown_table
from training.card.sections import (
    banner,
    data_section,
    dropped_section,
    feature_row,
    importances_section,
    interval_rows,
    latency_section,
    parity_section,
    sensitive_section,
)
from training.config import Decisions, Estimator, ModelConfig


def render_card(config: ModelConfig, findings: Findings) -> str:
    """Return a model's card as Markdown.

    Args:
        config: the model's config; its ``card`` says what no run can find out.
        findings: the run's figures.
    """
    decisions = findings.decisions or config.decisions()
    notes = config.card
    parts = [
        f"# {config.title}",
        banner(findings.provenance),
        _summary(config, findings, decisions),
        "## Intended use",
        f"{config.description}\n\nThe answer, `{config.target.name}`, is {_answer(config)}."
        f" {config.target.description}".rstrip(),
        bullets(notes.intended_use),
        *_titled("### Out of scope", bullets(notes.out_of_scope)),
        "## Data",
        data_section(config, findings),
        "## Features",
        markdown_table(
            ("name", "type", "unit", "takes", "description"), [feature_row(feature) for feature in config.features]
        ),
        _ignored(config, decisions),
        dropped_section(config),
        _derived(config, decisions),
        "## Quality",
        _quality(config, findings),
        *_titled("### Decision", decision_section(config, findings)),
        *_titled("### Calibration", calibration_section(findings.gate.calibration)),
        *_titled("### Slices", slices_section(config, findings.gate)),
        *_titled("### Importances", importances_section(config, findings.importances)),
        *_titled("### Against the champion", champion_section(config, findings.gate)),
        *_titled("## How the estimator was selected", lowered(findings.selection)),
        *_titled("## How its parameters were found", lowered(findings.sweep)),
        "## Checks before saving",
        markdown_table(("check", "value", "limit", "verdict"), findings.gate.rows()),
        "### Parity of the served graph with the fitted pipeline",
        parity_section(findings.parity, config.target.unit),
        "### Latency",
        latency_section(findings.latency),
        "## Limits",
        _limits(config, findings.provenance, decisions),
        *_titled("## Ethics", join_parts((bullets(notes.ethics), sensitive_section(config))).strip()),
        "## How to reproduce",
        _reproduce(config, findings.provenance, decisions),
    ]
    return join_parts(parts)


def _titled(title: str, text: str) -> tuple[str, ...]:
    """Return a title with its text; neither where there is nothing to say."""
    return (title, text) if text else ()


def _summary(config: ModelConfig, findings: Findings, decisions: Decisions) -> str:
    provenance = findings.provenance
    rows = [
        ("name", config.name),
        ("bundle", findings.tag),
        ("pipeline", provenance.pipeline_tag or "not stored"),
        ("task", config.task),
        ("estimator", _estimator(config, decisions.estimator)),
        ("columns", f"{len(decisions.columns)} of {len(config.features)}"),
    ]
    if findings.threshold is not None:
        rows.append(("decision threshold", f"{findings.threshold:.4g}"))
    rows += [
        ("trained", provenance.trained_at),
        ("data", provenance.data),
        ("latency promise", f"p99 {number_text(config.slo.p99_ms)} ms"),
    ]
    return markdown_table(("", ""), rows)


def _estimator(config: ModelConfig, estimator: Estimator) -> str:
    text: str = estimator.kind
    if estimator.members:
        text += " of " + ", ".join(member.kind for member in estimator.members)
    return f"{text}, target on the scale {estimator.target}" if config.task == "regression" else text


def _answer(config: ModelConfig) -> str:
    """Say what the answer is: a number, or one of some classes with their descriptions."""
    classes = config.target.classes
    if classes is None:
        return f"a number{f' in {config.target.unit}' if config.target.unit else ''}"
    named = [
        f"`{label_key(item.label)}`" + (f" ({item.description.rstrip('.')})" if item.description else "")
        for item in classes
    ]
    ranked = ", and all of them ranked from the most to the least probable" if config.target.ranking else ""
    return f"one of {', '.join(named)}, with the probability of each{ranked}"


def _ignored(config: ModelConfig, decisions: Decisions) -> str:
    ignored = [f"`{item.name}`" for item in config.features if item.name not in decisions.columns]
    return f"The model is sent {', '.join(ignored)} as well and ignores them." if ignored else ""


def _derived(config: ModelConfig, decisions: Decisions) -> str:
    used = set(decisions.columns)
    lines = [
        f"- `{ratio.name}` = `{ratio.numerator}` / `{ratio.denominator}`"
        for ratio in config.derived.ratios
        if {ratio.numerator, ratio.denominator} <= used
    ]
    clusters = config.derived.clusters
    if clusters is not None and used >= set(clusters.columns):
        columns = ", ".join(f"`{column}`" for column in clusters.columns)
        count = decisions.n_clusters or clusters.n_clusters
        lines.append(
            f"- similarity of ({columns}) to {count} k-means centres, exp(-{number_text(clusters.gamma)} · distance²)"
        )
    lines += [
        f"- {', '.join(part.replace('_', ' ') for part in dates.parts)} of `{dates.column}`, in UTC"
        for dates in config.derived.dates
        if dates.column in used
    ]
    lines += [
        f"- `{custom.transformer}` of {', '.join(f'`{column}`' for column in custom.columns)} (code {(custom.sha256 or '')[:12]})"
        for custom in config.derived.custom
        if used >= set(custom.columns)
    ]
    return "Computed inside the model from what is sent:\n\n" + "\n".join(lines) if lines else ""


def _quality(config: ModelConfig, findings: Findings) -> str:
    said = f"On {findings.test_rows:,} test rows, set aside before anything was fitted and used once."
    if findings.intervals:
        said += " The intervals are those of the bootstrap, 95%: how far the figures move by the chance of which rows these are."
    rows = interval_rows(config, findings.metrics, findings.intervals)
    if findings.intervals:
        return said + "\n\n" + markdown_table(("metric", "value", "interval"), rows)
    return said + "\n\n" + markdown_table(("metric", "value"), [row[:2] for row in rows])


def _limits(config: ModelConfig, provenance: Provenance, decisions: Decisions) -> str:
    lines = [
        "The model knows only what the training rows show. Ranges in the table of features are what the service takes,"
        " not where the model was seen to be good: trees do not extrapolate.",
        "The quality above is an average over the test part. It says little about a place, a group or a time that"
        " this part holds few rows of.",
    ]
    nullable = [f"`{feature.name}`" for feature in config.features if feature.nullable]
    if nullable:
        lines.append(
            f"Missing values of {', '.join(nullable)} are taken. Missing numbers are replaced ({decisions.impute} of the"
            " training part), and such answers are less certain."
        )
    ignoring = [f"`{feature.name}`" for feature in config.features if feature.unknown == "ignore"]
    if ignoring:
        lines.append(f"A value of {', '.join(ignoring)} that is not listed counts as none of them; nobody is told.")
    if config.target.minimum is not None or config.target.maximum is not None:
        low, high = config.target.minimum, config.target.maximum
        lines.append(
            "Training took targets"
            + (f" from {number_text(low, grouped=True)}" if low is not None else "")
            + (f" up to {number_text(high, grouped=True)}" if high is not None else "")
            + (f" {config.target.unit}" if config.target.unit else "")
            + " only."
        )
    if provenance.data == "synthetic":
        lines.append("The data is synthetic: no figure of this card says anything about real data.")
    return bullets((*lines, *config.card.limits))


def _reproduce(config: ModelConfig, provenance: Provenance, decisions: Decisions) -> str:
    commit = provenance.git_commit or "unknown (trained outside a checkout)"
    if commit.endswith("+"):
        commit = f"{commit[:-1]}, with changes that were not committed"
    data = "synthetic" if provenance.data == "synthetic" else "<the file with the checksum above>"
    command = f"make train MODEL={config.name} DATA={data}"
    if decisions != config.decisions():
        # What the studies decided stands in no config; the same way leads there again.
        command = f"tabento train --config configs/{config.name}.yaml --data {data} --steps all"
    return (
        f"- Commit: {commit}\n"
        f"- Fingerprint of config, data, code and versions: `{provenance.fingerprint}`\n"
        f"- Seeds: {config.split.seed} for the split, {config.seed} for everything else\n\n"
        f"```\n{command}\n```\n\n" + markdown_table(("library", "version"), list(provenance.versions.items()))
    )
