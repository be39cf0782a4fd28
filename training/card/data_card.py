"""The data card: what the training data is, where it comes from, what is wrong with it, and what it may be used for."""

from __future__ import annotations

import math

from bundle.contract import Feature, timestamp_text
from bundle.reference import CategoryDistribution, NumberDistribution
from bundle.timestamp import SECONDS_PER_DAY
from training.card.findings import Findings
from training.card.markdown import bullets, figure, join_parts, markdown_table
from training.card.sections import banner, data_section, dropped_section, sensitive_section
from training.config import ModelConfig

_SHARES_SHOWN = 6
"""How many values of a category are listed, the most frequent ones."""


def render_data_card(config: ModelConfig, findings: Findings) -> str:
    """Return the card of a model's training data as Markdown.

    Args:
        config: the model's config; its ``card`` and ``source`` say what no run can find out.
        findings: the run's figures; with ``reference`` the card shows distributions, with ``warnings`` what the study of
            the data found.
    """
    parts = [
        f"# {config.title}: data",
        banner(findings.provenance),
        "## Motivation",
        _motivation(config, findings),
        "## Composition",
        _composition(config, findings),
        "## Collection",
        _collection(config, findings),
        "## Preparation",
        _preparation(),
        dropped_section(config),
        "## Known problems",
        _problems(config, findings),
        "## Sensitive columns",
        sensitive_section(config) or "The config names no column that stands for a protected trait.",
        "## Uses",
        _uses(config),
        "## Maintenance",
        _maintenance(config, findings),
    ]
    return join_parts(parts)


def _motivation(config: ModelConfig, findings: Findings) -> str:
    if findings.provenance.data == "synthetic":
        return "The rows were made up so that training and serving can be tried without the real data of this schema."
    return (
        config.card.motivation
        or f"Why the data was collected is not on record. Here it serves one model: {config.description}"
    )


def _composition(config: ModelConfig, findings: Findings) -> str:
    rows = (
        f"{findings.provenance.rows:,} rows, {len(config.features)} features and the target `{config.target.name}`."
        + (f" {config.target.description}" if config.target.description else "")
    )
    if findings.reference is None:
        return rows
    numbers, categories = [], []
    for feature in config.features:
        found = findings.reference.features[feature.name]
        if isinstance(found, NumberDistribution):
            write = _date_row if feature.type == "timestamp" else _number_row
            unit = "characters" if feature.type == "text" else feature.unit
            numbers.append(write(feature.name, unit, found))
        else:
            categories.append(_category_row(feature.name, feature, found))
    target = findings.reference.target
    if isinstance(target, NumberDistribution):
        numbers.append(_number_row(f"{config.target.name} (target)", config.target.unit, target))
    elif isinstance(target, CategoryDistribution):
        categories.append(_category_row(f"{config.target.name} (target)", None, target))
    head = ("number", "unit", "missing", "mean", "sd", "minimum", "5%", "median", "95%", "maximum")
    return "\n\n".join(
        [
            f"{rows} Distributions are those of the {findings.train_rows:,} training rows.",
            *([markdown_table(head, numbers)] if numbers else []),
            *([markdown_table(("category", "type", "missing", "shares"), categories)] if categories else []),
        ]
    )


def _number_row(name: str, unit: str | None, found: NumberDistribution) -> tuple[str, ...]:
    values = (found.mean, found.std, found.minimum, found.p05, found.p50, found.p95, found.maximum)
    return (name, unit or "", _share(found.null_rate), *(figure(value) for value in values))


def _date_row(name: str, unit: str | None, found: NumberDistribution) -> tuple[str, ...]:
    mean, *others = (
        timestamp_text(float(math.floor(value)))
        for value in (found.mean, found.minimum, found.p05, found.p50, found.p95, found.maximum)
    )
    deviation = f"{figure(found.std / SECONDS_PER_DAY)} days"
    return (name, unit or "date", _share(found.null_rate), mean, deviation, *others)


def _category_row(name: str, feature: Feature | None, found: CategoryDistribution) -> tuple[str, ...]:
    largest = sorted(found.shares.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{value} {_share(share)}" for value, share in largest[:_SHARES_SHOWN])
    more = f" and {len(largest) - _SHARES_SHOWN} more" if len(largest) > _SHARES_SHOWN else ""
    return (name, feature.type if feature else "class", _share(found.null_rate), shown + more)


def _share(share: float) -> str:
    return "0" if share == 0 else f"{share:.1%}" if share >= 0.001 else f"{share:.2g}"


def _collection(config: ModelConfig, findings: Findings) -> str:
    if findings.provenance.data == "synthetic":
        return (
            f"Drawn by the generator of the config ({findings.provenance.data_source}): each column from a distribution"
            " over the columns before it. No person and no place stands behind a row."
        )
    said = config.card.collection or "How the data was collected is not on record."
    if config.source is None or not config.source.licence:
        said += "\n\nLicence: not on record; find out before the data or a model of it is given away."
    return said


def _preparation() -> str:
    lines = [
        "Before the split every cell was checked against the config: type, range, category, missing values where none are"
        " allowed, duplicate rows. A fault ends the run; no row is dropped or repaired silently.",
        "The test part was set aside before anything was computed. Imputation, clusters, scales and choices were learned"
        " from the training part only.",
    ]
    return bullets(lines)


def _problems(config: ModelConfig, findings: Findings) -> str:
    # What people know about the real data is not true of made-up rows.
    known = config.card.known_problems if findings.provenance.data == "real" else ()
    lines = [*known, *(f"{text} (found by the study of the data)" for text in findings.warnings)]
    if lines:
        return bullets(lines)
    return "None is on record. That nobody wrote one down does not mean that there is none."


def _uses(config: ModelConfig) -> str:
    notes = config.card
    intended = notes.intended_use or (f"To train the model of this card: {config.description}",)
    parts = ["Intended:", bullets(intended)]
    if notes.out_of_scope:
        parts += ["Out of scope:", bullets(notes.out_of_scope)]
    if notes.ethics:
        parts += ["To be considered:", bullets(notes.ethics)]
    return "\n\n".join(parts)


def _maintenance(config: ModelConfig, findings: Findings) -> str:
    lines = [data_section(config, findings)]
    if config.source is not None and findings.provenance.data == "real":
        same = findings.provenance.data_sha256 == config.source.sha256
        lines.append(
            f"- Public copy: {config.source.url}"
            + (", the very file" if same else f", a file with another checksum (`{config.source.sha256}`)")
        )
    lines.append("- New data is compared with this one, column by column, before the model is trained again.")
    return "\n".join(lines)
