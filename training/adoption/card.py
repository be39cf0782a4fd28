"""The model card of an adopted pipeline: where it comes from, what was checked, and what nobody here can know.

It follows Mitchell et al., Model Cards for Model Reporting (FAT* 2019), as ``training.card`` does for trained models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bundle.contract import Label, Output
from bundle.manifest import Provenance
from bundle.numbers import number_text
from training.adoption.config import ImportConfig
from training.adoption.figures import OF
from training.adoption.load import Loaded
from training.card import feature_row, latency_section, markdown_table, parity_section
from training.gate import GateReport
from training.latency import LatencyTable
from training.metric_names import name_of, unit_of
from training.parity import ParityReport

_SHOWN = 20
"""How many values of a column are listed."""


@dataclass(frozen=True)
class Imported:
    """What an import has found out about its model."""

    tag: str
    """The bundle's tag."""
    loaded: Loaded
    provenance: Provenance
    metrics: Mapping[str, float]
    """Figures on the sample; none without a target."""
    parity: ParityReport
    latency: LatencyTable
    gate: GateReport
    remarks: tuple[str, ...]
    """What a person should know."""


def render_import_card(config: ImportConfig, imported: Imported) -> str:
    """Return a model's card as Markdown."""
    parts = [
        f"# {config.title}",
        "> **Imported.** This pipeline was fitted elsewhere. Tabento has proven that the served graph answers what the"
        " pipeline answers; on which data it was fitted, and how well, only its author knows.",
        _summary(config, imported),
        "## Intended use",
        f"{config.description}\n\n{_answer(config.output)}",
        "## What was noticed" if imported.remarks else "",
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
    """Return metrics as cells for people: name, and value with its unit; of several targets those of each."""
    rows = []
    units = {target.name: target.unit for target in output.targets or ()}
    for key, value in metrics.items():
        metric, of, target = key.partition(OF)
        if units and not of:
            continue
        figure = f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.4g}"
        unit = unit_of(metric, units.get(target) if of else output.unit)
        rows.append((f"{target}: {name_of(metric)}" if of else name_of(metric), f"{figure} {unit}".strip()))
    return rows


def _summary(config: ImportConfig, imported: Imported) -> str:
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
    """Return the values of those columns that take others too, since the table says only that they take text."""
    open_features = [feature for feature in config.features if feature.unknown == "ignore"]
    return "\n".join(
        f"- `{feature.name}` is known to be "
        + ", ".join(f"`{value}`" for value in (feature.categories or ())[:_SHOWN])
        + (f" and {len(feature.categories or ()) - _SHOWN} more" if len(feature.categories or ()) > _SHOWN else "")
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


def _quality(config: ImportConfig, imported: Imported) -> str:
    if not imported.metrics:
        return "No true answers were given with the sample, so nothing was measured."
    return (
        f"On the {imported.provenance.rows:,} rows of the sample. If the pipeline was fitted on them, these figures are"
        " better than it is.\n\n" + markdown_table(("metric", "value"), figure_rows(config.output, imported.metrics))
    )


def _limits(config: ImportConfig) -> str:
    lines = [
        "- Ranges and categories come from the sample and the pipeline's encoders, or from the person who edited the"
        " config. They say what the service takes, not where the model is good."
    ]
    nullable = [f"`{feature.name}`" for feature in config.features if feature.nullable]
    if nullable:
        lines.append(f"- Missing values of {', '.join(nullable)} are taken; the pipeline decides what stands in.")
    ignoring = [f"`{feature.name}`" for feature in config.features if feature.unknown == "ignore"]
    if ignoring:
        lines.append(f"- A value of {', '.join(ignoring)} that is not listed is answered too; nobody is told.")
    return "\n".join(lines)
