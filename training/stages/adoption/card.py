"""The model card of an adopted pipeline: its origin, the checks, and the facts that only its author knows.

It follows Mitchell et al., Model Cards for Model Reporting (FAT* 2019), as ``training.report.card`` does for trained models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tabento.adopt.load import LoadedPipeline
from tabento.bundle.contract import Label, Output
from tabento.bundle.manifest import Provenance
from tabento.bundle.numbers import number_text
from tabento.packaging.latency import LatencyTable
from tabento.parity import ParityReport
from training.config.metric_names import name_of, unit_of
from training.gate import GateReport
from training.report.card import feature_row, latency_section, markdown_table, parity_section
from training.stages.adoption.config import ImportConfig
from training.stages.adoption.figures import METRIC_SEPARATOR

_VALUES_IN_CARD = 20
"""The largest number of listed values of a column."""


@dataclass(frozen=True)
class ImportSummary:
    """The results of an import for its card."""

    tag: str
    """The bundle's tag."""
    loaded: LoadedPipeline
    provenance: Provenance
    metrics: Mapping[str, float]
    """The metrics on the sample; empty without a target."""
    parity: ParityReport
    latency: LatencyTable
    gate: GateReport
    remarks: tuple[str, ...]
    """Sentences that the user should read."""


def render_import_card(config: ImportConfig, imported: ImportSummary) -> str:
    """Return a model's card as Markdown."""
    parts = [
        f"# {config.title}",
        "> **Imported.** This pipeline was fitted elsewhere. Tabento has proven that the served graph answers what the"
        " pipeline answers; on which data it was fitted, and how well, only its author knows.",
        _summary(config, imported),
        "## Intended use",
        f"{config.description}\n\n{_answer(config.output)}",
        "## Remarks" if imported.remarks else "",
        "\n".join(f"- {remark}" for remark in imported.remarks),
        "## Features",
        markdown_table(
            ("name", "type", "unit", "takes", "description"), [feature_row(feature) for feature in config.features]
        ),
        _known_values(config),
        "## Quality",
        _quality(config, imported),
        "## Checks before saving",
        markdown_table(("check", "value", "limit", "verdict"), imported.gate.rows()),
        "### Parity of the served graph with the imported pipeline",
        parity_section(imported.parity, config.output.unit),
        "### Latency",
        latency_section(imported.latency),
        "## Limits",
        _limits(config),
        "## How to reproduce",
        f"Fingerprint of pipeline, sample, config, code and versions: `{imported.provenance.fingerprint}`\n\n"
        + markdown_table(("library", "version"), list(imported.provenance.versions.items())),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def figure_rows(output: Output, metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return metrics as table cells: the name, and the value with its unit; for several targets the metrics of each."""
    rows = []
    units = {target.name: target.unit for target in output.targets or ()}
    for key, value in metrics.items():
        metric, separator, target = key.partition(METRIC_SEPARATOR)
        if units and not separator:
            continue
        figure = f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.4g}"
        unit = unit_of(metric, units.get(target) if separator else output.unit)
        rows.append((f"{target}: {name_of(metric)}" if separator else name_of(metric), f"{figure} {unit}".strip()))
    return rows


def _summary(config: ImportConfig, imported: ImportSummary) -> str:
    provenance, loaded = imported.provenance, imported.loaded
    return markdown_table(
        ("", ""),
        [
            ("name", config.name),
            ("bundle", imported.tag),
            ("pipeline", f"{type(loaded.pipeline).__name__}, {provenance.pipeline_tag or 'not stored'}"),
            ("task", config.contract().task),
            ("file", f"{loaded.source} ({loaded.kind}), sha256 `{loaded.sha256}`"),
            ("sample", f"{provenance.data_source}, {provenance.rows:,} rows, sha256 `{provenance.data_sha256}`"),
            ("imported", provenance.trained_at),
            ("latency promise", f"p99 {number_text(config.p99_ms)} ms"),
        ],
    )


def _known_values(config: ImportConfig) -> str:
    """Return the known values of columns that accept other values, too: the table says only that they accept text."""
    open_features = [feature for feature in config.features if feature.unknown == "ignore"]
    return "\n".join(
        f"- `{feature.name}` is known to be "
        + ", ".join(f"`{value}`" for value in (feature.categories or ())[:_VALUES_IN_CARD])
        + (
            f" and {len(feature.categories or ()) - _VALUES_IN_CARD} more"
            if len(feature.categories or ()) > _VALUES_IN_CARD
            else ""
        )
        for feature in open_features
    )


def _answer(output: Output) -> str:
    if output.targets is None:
        text = _kind(output.unit, output.classes)
        text += ", with the probability of each" if output.probabilities else ""
        return f"The answer, `{output.name}`, is " + f"{text}. {output.description}".rstrip(". ") + "."
    lines = [
        f"- `{target.name}`: " + f"{_kind(target.unit, target.classes)}. {target.description}".rstrip(". ")
        for target in output.targets
    ]
    return (
        f"The answer, `{output.name}`, has {len(lines)} parts. {output.description}".rstrip()
        + "\n\n"
        + "\n".join(lines)
    )


def _kind(unit: str | None, classes: Sequence[Label] | None) -> str:
    if classes is None:
        return f"a number{f' in {unit}' if unit else ''}"
    return "one of " + ", ".join(f"`{label}`" for label in classes)


def _quality(config: ImportConfig, imported: ImportSummary) -> str:
    if not imported.metrics:
        return "No true answers were given with the sample, so nothing was measured."
    return (
        f"On the {imported.provenance.rows:,} rows of the sample. If the pipeline was fitted on them, these figures are"
        " better than it is.\n\n" + markdown_table(("metric", "value"), figure_rows(config.output, imported.metrics))
    )


def _limits(config: ImportConfig) -> str:
    lines = [
        "- Ranges and categories come from the sample and the pipeline's encoders, or from the person who edited the"
        " config. They define the accepted values, not the range in which the model is good."
    ]
    nullable = [f"`{feature.name}`" for feature in config.features if feature.nullable]
    if nullable:
        lines.append(f"- Missing values of {', '.join(nullable)} are accepted; the pipeline handles them.")
    ignoring = [f"`{feature.name}`" for feature in config.features if feature.unknown == "ignore"]
    if ignoring:
        lines.append(f"- A value of {', '.join(ignoring)} that is not listed is answered, too, without a warning.")
    return "\n".join(lines)
