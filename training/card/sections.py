"""Parts that more than one card has: metrics, features, data, the proof of parity and latency."""

from __future__ import annotations

from collections.abc import Mapping

from bundle.contract import Feature
from bundle.manifest import Provenance
from bundle.numbers import number_text
from training.card.findings import Findings
from training.card.markdown import figure, markdown_table
from training.config import ModelConfig
from training.importances import Importances
from training.latency import LatencyTable
from training.metric_names import METRICS, name_of, unit_of
from training.parity import ParityReport


def banner(provenance: Provenance) -> str:
    """Return the warning that a model of synthetic data has at its top; nothing for a model of real data."""
    if provenance.data == "real":
        return ""
    return (
        "> **SYNTHETIC DATA. This model has never seen the real world.** It was trained on made-up rows"
        f" ({provenance.data_source}) of the same schema. It is for trying things out; its answers mean nothing."
    )


def metric_rows(config: ModelConfig, metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return the metrics as cells for people: name and value with its unit, the known ones first."""
    return [(name_of(key), _with_unit(config, key, metrics[key])) for key in ordered(metrics)]


def interval_rows(
    config: ModelConfig, metrics: Mapping[str, float], intervals: Mapping[str, tuple[float, float]]
) -> list[tuple[str, str, str]]:
    """Return ``metric_rows`` with the interval of each; a dash where there is none."""
    rows = []
    for key in ordered(metrics):
        ends = intervals.get(key)
        text = f"{figure(ends[0])} to {figure(ends[1])}" if ends and ends[0] < ends[1] else "–"
        rows.append((name_of(key), _with_unit(config, key, metrics[key]), text))
    return rows


def ordered(metrics: Mapping[str, float]) -> list[str]:
    """Return the metrics' keys in the order in which people are told; those that nobody named come last."""
    return [*(key for key in METRICS if key in metrics), *(key for key in metrics if key not in METRICS)]


def _with_unit(config: ModelConfig, key: str, value: float) -> str:
    return f"{figure(value)} {unit_of(key, config.target.unit)}".strip()


def feature_row(feature: Feature) -> tuple[str, ...]:
    """Return a feature as cells for people: name, type, unit, what it takes, description."""
    return (feature.name, feature.type, feature.unit or "", feature.expected(), feature.description)


def data_section(config: ModelConfig, findings: Findings) -> str:
    """Say where the data comes from and how it was split."""
    provenance = findings.provenance
    lines = [
        f"- Source: {provenance.data_source} ({provenance.data})",
        f"- sha256: `{provenance.data_sha256}`",
        f"- Rows: {provenance.rows:,}, of which {findings.train_rows:,} for training and {findings.test_rows:,} for test",
    ]
    stratify = config.split.stratify
    by = (
        f"stratified by `{stratify.column}` at {', '.join(f'{number_text(edge)}' for edge in stratify.edges)}, "
        if stratify
        else ""
    )
    lines.append(f"- Split: shuffled, {by}test share {number_text(config.split.test_size)}, seed {config.split.seed}")
    if config.source is not None and provenance.data == "real":
        # A file that was given by hand may come from elsewhere; only the checksum knows.
        lines += [f"- Licence: {config.source.licence}"] if config.source.licence else []
        lines += [f"- Citation: {config.source.citation}"] if config.source.citation else []
    return "\n".join(lines)


def parity_section(parity: ParityReport, unit: str | None) -> str:
    """Return the figures of the proof; ``unit`` is that of a predicted number."""
    difference = f"worst difference{f' in {unit}' if unit else ''}"
    head = [
        "rows",
        "number",
        difference,
        "worst relative",
        f"beyond {number_text(parity.limit)}",
        "other branch",
        "undecided",
    ]
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
        head += ["other label", "knife edges"]
        rows = [
            [*row, f"{part.label_flips:,}", f"{part.knife_edges:,}"]
            for row, part in zip(rows, parity.parts, strict=True)
        ]
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
            " way in another batch; they are in no other figure."
        )
    if parity.cancelled:
        lines.append(
            f"On {parity.cancelled:,} rows large terms cancel, so that rounding shows: scikit-learn's own answers differ"
            f" between batches, and the graph's by {parity.worst_cancelled:.2g} at most; they are in no other figure."
        )
    if parity.knife_edges:
        lines.append(
            f"{parity.knife_edges:,} rows lie on a knife edge: the graph gives the label of the other side of a decision's"
            f" boundary, which scikit-learn gives, too, if the row's numbers move by {parity.largest_knife_edge:.0e} of their"
            " size; they are in no other figure."  # rounded: the distance is one of a few powers of ten
        )
    if parity.raised_by_both:
        lines.append(
            f"On {parity.raised_by_both:,} rows that the contract takes the pipeline raises an error; the service answers"
            " them with an error as well."
        )
    if parity.single_precision:
        lines.append(
            f"{', '.join(parity.single_precision)} computes in float32, so the limit is {number_text(parity.limit)}."
        )
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
        (
            f"{batch.rows:,}",
            _time(batch.mean_us),
            _time(batch.p50_us),
            _time(batch.p95_us),
            _time(batch.p99_us),
            f"{batch.us_per_row:,.2f}",
        )
        for batch in latency.batches
    ]
    head = ("rows in a batch", "mean, µs", "p50, µs", "p95, µs", "p99, µs", "µs per row")
    quiet = f"\n\n{latency.disturbance.in_words()}." if latency.disturbance else ""
    return (
        f"ONNX Runtime {latency.versions['onnxruntime']} on {latency.threads} thread of {latency.machine.cpu}"
        f" ({latency.machine.cores} cores), the median of {latency.rounds} rounds. HTTP and JSON come on top;"
        " a server measures its own host.\n\n" + markdown_table(head, rows) + quiet
    )


def _time(value_us: float | None) -> str:
    return "" if value_us is None else f"{value_us:,.1f}"


def importances_section(config: ModelConfig, importances: Importances | None) -> str:
    """Return the table of the most important features; empty if they were not measured."""
    if importances is None:
        return ""
    unit = unit_of(importances.metric, config.target.unit)
    loss = f"{name_of(importances.metric)} worse by{f', {unit}' if unit else ''}"
    answer = config.target.unit or ("answer" if config.target.classes is None else "probability")
    rows = [
        (item.feature, f"{figure(item.permutation)} ± {figure(item.permutation_std)}", figure(item.shap))
        for item in importances.top
    ]
    return (
        f"The first {len(rows)} of {importances.features} features. Each was shuffled {importances.repeats} times among"
        f" {importances.rows:,} test rows; how much worse the metric gets is its importance, with the standard deviation."
        " Features that go together share their importance. The mean absolute SHAP value says how far a feature moves the"
        f" answer, over {importances.explained_rows:,} test rows; it is an estimate by sampling.\n\n"
        + markdown_table(("feature", loss, f"mean absolute SHAP value, {answer}"), rows)
    )


def dropped_section(config: ModelConfig) -> str:
    """Return the columns that no model sees, with the reasons; empty where there are none."""
    if not config.drop:
        return ""
    return "Columns of the data that the model does not see:\n\n" + markdown_table(
        ("column", "reason"), list(config.drop.items())
    )


def sensitive_section(config: ModelConfig) -> str:
    """Return the columns that stand for a protected trait and whether the model sees them; empty where there are none."""
    seen = {feature.name for feature in config.features}
    rows = [
        (column, "yes" if column in seen else "no, dropped" if column in config.drop else "no", why)
        for column, why in config.card.sensitive.items()
    ]
    return markdown_table(("sensitive column", "sent to the model", "why"), rows) if rows else ""
