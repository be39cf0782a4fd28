"""The model card: what a model is, from what it was made and how far it can be trusted, in the run's own figures.

It follows Mitchell et al., Model Cards for Model Reporting (FAT* 2019). It is ``card.md`` of the bundle and of the
run's report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bundle.contract import Feature
from bundle.manifest import Provenance
from training.config import ModelConfig
from training.gate import GateReport
from training.latency import LatencyTable
from training.parity import ParityReport

_UNIT = "unit"
METRICS = {
    "rmse": ("RMSE", _UNIT),
    "mae": ("MAE", _UNIT),
    "r2": ("R²", ""),
    "mape": ("MAPE", "%"),
    "median_ape": ("Median APE", "%"),
    "smape": ("sMAPE", "%"),
    "wmape": ("wMAPE", "%"),
    "within_5": ("Within 5% of the truth", "%"),
    "within_10": ("Within 10% of the truth", "%"),
    "within_15": ("Within 15% of the truth", "%"),
    "zero_targets": ("Rows whose truth is 0", "rows"),
}
"""How the metrics are called for people, and their unit; ``unit`` stands for the target's."""


@dataclass(frozen=True)
class Findings:
    """What a run has found out about its model."""

    tag: str
    """The bundle's tag."""
    provenance: Provenance
    train_rows: int
    test_rows: int
    metrics: Mapping[str, float]
    """Figures on the test part."""
    parity: ParityReport
    latency: LatencyTable
    gate: GateReport


def render_card(config: ModelConfig, findings: Findings) -> str:
    """Return a model's card as Markdown."""
    parts = [
        f"# {config.title}",
        _banner(findings.provenance),
        _summary(config, findings),
        "## Intended use",
        f"{config.description}\n\nThe answer, `{config.target.name}`, is a number{_in_unit(config)}."
        f" {config.target.description}".rstrip(),
        "## Data",
        _data(config, findings),
        "## Features",
        markdown_table(
            ("name", "type", "unit", "takes", "description"), [feature_row(feature) for feature in config.features]
        ),
        _dropped(config),
        _derived(config),
        "## Quality",
        f"On {findings.test_rows:,} test rows, set aside before anything was fitted and used once.",
        markdown_table(("metric", "value"), metric_rows(config, findings.metrics)),
        "## Checks before saving",
        markdown_table(("check", "value", "limit", "verdict"), findings.gate.rows()),
        "### Parity of the served graph with the fitted pipeline",
        parity_section(findings.parity, config.target.unit),
        "### Latency",
        latency_section(findings.latency),
        "## Limits",
        _limits(config, findings.provenance),
        "## How to reproduce",
        _reproduce(config, findings.provenance),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def metric_rows(config: ModelConfig, metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return the metrics as cells for people: name and value with its unit, the known ones first."""
    rows = []
    for key in [*(key for key in METRICS if key in metrics), *(key for key in metrics if key not in METRICS)]:
        label, unit = METRICS.get(key, (key, ""))
        unit = (config.target.unit or "") if unit == _UNIT else unit
        rows.append((label, f"{_figure(metrics[key])} {unit}".strip()))
    return rows


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; bars and line breaks in cells are made harmless."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def _banner(provenance: Provenance) -> str:
    if provenance.data == "real":
        return ""
    return (
        "> **SYNTHETIC DATA. This model has never seen the real world.** It was trained on made-up rows"
        f" ({provenance.data_source}) of the same schema. It is for trying things out; its answers mean nothing."
    )


def _summary(config: ModelConfig, findings: Findings) -> str:
    provenance = findings.provenance
    return markdown_table(
        ("", ""),
        [
            ("name", config.name),
            ("bundle", findings.tag),
            ("pipeline", provenance.pipeline_tag or "not stored"),
            ("task", config.task),
            ("estimator", f"{config.estimator.kind}, target on the scale {config.estimator.target}"),
            ("trained", provenance.trained_at),
            ("data", provenance.data),
            ("latency promise", f"p99 {config.slo.p99_ms:g} ms"),
        ],
    )


def _data(config: ModelConfig, findings: Findings) -> str:
    provenance = findings.provenance
    lines = [
        f"- Source: {provenance.data_source} ({provenance.data})",
        f"- sha256: `{provenance.data_sha256}`",
        f"- Rows: {provenance.rows:,}, of which {findings.train_rows:,} for training and {findings.test_rows:,} for test",
    ]
    stratify = config.split.stratify
    by = (
        f"stratified by `{stratify.column}` at {', '.join(f'{edge:g}' for edge in stratify.edges)}, "
        if stratify
        else ""
    )
    lines.append(f"- Split: shuffled, {by}test share {config.split.test_size:g}, seed {config.split.seed}")
    if config.source is not None and provenance.data == "real":
        # A file that was given by hand may come from elsewhere; only the checksum knows.
        lines += [f"- Licence: {config.source.licence}"] if config.source.licence else []
        lines += [f"- Citation: {config.source.citation}"] if config.source.citation else []
    return "\n".join(lines)


def feature_row(feature: Feature) -> tuple[str, ...]:
    """Return a feature as cells for people: name, type, unit, what it takes, description."""
    return (feature.name, feature.type, feature.unit or "", feature.expected(), feature.description)


def _dropped(config: ModelConfig) -> str:
    if not config.drop:
        return ""
    return "Columns of the data that the model does not see:\n\n" + markdown_table(
        ("column", "reason"), list(config.drop.items())
    )


def _derived(config: ModelConfig) -> str:
    lines = [f"- `{ratio.name}` = `{ratio.numerator}` / `{ratio.denominator}`" for ratio in config.derived.ratios]
    clusters = config.derived.clusters
    if clusters is not None:
        columns = ", ".join(f"`{column}`" for column in clusters.columns)
        lines.append(
            f"- similarity of ({columns}) to {clusters.n_clusters} k-means centres, exp(-{clusters.gamma:g} · distance²)"
        )
    return "Computed inside the model from what is sent:\n\n" + "\n".join(lines) if lines else ""


def parity_section(parity: ParityReport, unit: str | None) -> str:
    """Return the figures of the proof; ``unit`` is that of a predicted number."""
    difference = f"worst difference{f' in {unit}' if unit else ''}"
    head = ["rows", "number", difference, "worst relative", f"beyond {parity.limit:g}", "other branch", "undecided"]
    rows = [
        [
            part.name.replace("_", " "),
            f"{part.rows:,}",
            f"{part.worst_absolute:.3g}",
            f"{part.worst_relative:.3g}",
            f"{part.beyond_share:.2%}",
            f"{part.other_branches:,}",
            f"{part.undecided:,}",
        ]
        for part in parity.parts
    ]
    if parity.classification:
        head.append("other label")
        rows = [[*row, f"{part.label_flips:,}"] for row, part in zip(rows, parity.parts, strict=True)]
    sentences = _parity_sentences(parity)
    return markdown_table(head, rows) + ("\n\n" + " ".join(sentences) if sentences else "")


def _parity_sentences(parity: ParityReport) -> list[str]:
    """Return in words what the table of the proof cannot say."""
    lines = []
    if parity.ensembles:
        lines.append(
            f"The leaf that each of {parity.trees:,} trees reaches was compared on every row;"
            f" {parity.other_branch_share:.2%} of rows take another branch."
        )
    if parity.unread_ensembles:
        steps = ", ".join(f"`{step}`" for step in parity.unread_ensembles)
        lines.append(f"The trees of {steps} were compared by their answers only.")
    if parity.undecided:
        lines.append(
            f"{parity.undecided:,} undecided rows lie so near to an edge that scikit-learn itself answers them in another"
            " way in other company; they are in no other figure."
        )
    if parity.single_precision:
        lines.append(f"{', '.join(parity.single_precision)} computes in float32, so the limit is {parity.limit:g}.")
    if parity.refused:
        lines.append(f"Not compared, because it never gets to the graph: {'; '.join(parity.refused)}.")
    equal = [str(batch.size) for batch in parity.batches if batch.bit_equal]
    other = [str(batch.size) for batch in parity.batches if not batch.bit_equal]
    if equal:
        lines.append(f"A row alone and the same row in a batch of {', '.join(equal)} got the very same double.")
    if other:
        lines.append(f"In batches of {', '.join(other)} they differ, within the limit.")
    return lines


def latency_section(latency: LatencyTable) -> str:
    """Return the table of latencies with what was measured and where."""
    rows = [
        (f"{batch.rows:,}", f"{batch.p50_us:,.1f}", f"{batch.p99_us:,.1f}", f"{batch.us_per_row:,.2f}")
        for batch in latency.batches
    ]
    head = ("rows in a batch", "p50, µs", "p99, µs", "µs per row")
    return (
        f"ONNX Runtime {latency.versions['onnxruntime']} on {latency.threads} thread of {latency.machine.cpu}"
        f" ({latency.machine.cores} cores), the best of {latency.rounds} rounds. HTTP and JSON come on top;"
        " a server measures its own host.\n\n" + markdown_table(head, rows)
    )


def _limits(config: ModelConfig, provenance: Provenance) -> str:
    lines = [
        "- The model knows only what the training rows show. Ranges in the table of features are what the service takes,"
        " not where the model was seen to be good: trees do not extrapolate.",
        "- The quality above is an average over the test part. It says little about a place, a group or a time that"
        " this part holds few rows of.",
    ]
    nullable = [f"`{feature.name}`" for feature in config.features if feature.nullable]
    if nullable:
        lines.append(
            f"- Missing values of {', '.join(nullable)} are taken. Missing numbers are replaced ({config.impute} of the"
            " training part), and such answers are less certain."
        )
    ignoring = [f"`{feature.name}`" for feature in config.features if feature.unknown == "ignore"]
    if ignoring:
        lines.append(f"- A value of {', '.join(ignoring)} that is not listed counts as none of them; nobody is told.")
    if config.target.minimum is not None or config.target.maximum is not None:
        low, high = config.target.minimum, config.target.maximum
        lines.append(
            "- Training took targets"
            + (f" from {low:,.10g}" if low is not None else "")
            + (f" up to {high:,.10g}" if high is not None else "")
            + (f" {config.target.unit}" if config.target.unit else "")
            + " only."
        )
    if provenance.data == "synthetic":
        lines.append("- The data is synthetic: no figure of this card says anything about real data.")
    return "\n".join(lines)


def _reproduce(config: ModelConfig, provenance: Provenance) -> str:
    commit = provenance.git_commit or "unknown (trained outside a checkout)"
    if commit.endswith("+"):
        commit = f"{commit[:-1]}, with changes that were not committed"
    data = "synthetic" if provenance.data == "synthetic" else "<the file with the checksum above>"
    return (
        f"- Commit: {commit}\n"
        f"- Fingerprint of config, data, code and versions: `{provenance.fingerprint}`\n"
        f"- Seeds: {config.split.seed} for the split, {config.seed} for everything else\n\n"
        f"```\nmake train MODEL={config.name} DATA={data}\n```\n\n"
        + markdown_table(("library", "version"), list(provenance.versions.items()))
    )


def _in_unit(config: ModelConfig) -> str:
    return f" in {config.target.unit}" if config.target.unit else ""


def _figure(value: float) -> str:
    """Write a number with the digits that matter: thousands without a fraction, else four digits."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
