"""The data card: origin, composition, known problems and permitted uses of the training data."""

from __future__ import annotations

import math

from tabento.bundle.contract import Feature, timestamp_text
from tabento.bundle.reference import CategoryDistribution, NumberDistribution
from tabento.bundle.timestamp import SECONDS_PER_DAY
from training.config import ModelConfig
from training.report.card.findings import Findings
from training.report.card.markdown import format_number, render_template
from training.report.card.sections import sensitive_section

_SHARES_SHOWN = 6
"""The number of listed values of a category, the most frequent ones."""


def render_data_card(config: ModelConfig, findings: Findings) -> str:
    """Return the card of a model's training data as Markdown.

    Args:
        config: the model's config; its ``card`` and ``source`` hold the notes of people.
        findings: the run's results; with ``reference`` the card shows distributions, with ``warnings`` the findings of the
            study of the data.
    """
    numbers, categories = _distributions(config, findings)
    # The notes about the real data are not true of synthetic rows.
    known_problems = config.card.known_problems if findings.provenance.data == "real" else ()
    return render_template(
        "data_card.md.j2",
        config=config,
        findings=findings,
        distributions=findings.reference is not None,
        numbers=numbers,
        categories=categories,
        problems=[*known_problems, *(f"{text} (found by the study of the data)" for text in findings.warnings)],
        sensitive=sensitive_section(config),
    )


def _distributions(config: ModelConfig, findings: Findings) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Return the rows of the tables of numbers and of categories; empty without a reference."""
    numbers: list[tuple[str, ...]] = []
    categories: list[tuple[str, ...]] = []
    if findings.reference is None:
        return numbers, categories
    for feature in config.features:
        distribution = findings.reference.features[feature.name]
        if isinstance(distribution, NumberDistribution):
            write = _date_row if feature.type == "timestamp" else _number_row
            unit = "characters" if feature.type == "text" else feature.unit
            numbers.append(write(feature.name, unit, distribution))
        else:
            categories.append(_category_row(feature.name, feature, distribution))
    target = findings.reference.target
    if isinstance(target, NumberDistribution):
        numbers.append(_number_row(f"{config.target.name} (target)", config.target.unit, target))
    elif isinstance(target, CategoryDistribution):
        categories.append(_category_row(f"{config.target.name} (target)", None, target))
    return numbers, categories


def _number_row(name: str, unit: str | None, distribution: NumberDistribution) -> tuple[str, ...]:
    values = (
        distribution.mean,
        distribution.std,
        distribution.minimum,
        distribution.p05,
        distribution.p50,
        distribution.p95,
        distribution.maximum,
    )
    return (name, unit or "", _share(distribution.null_rate), *(format_number(value) for value in values))


def _date_row(name: str, unit: str | None, distribution: NumberDistribution) -> tuple[str, ...]:
    mean, *quantiles = (
        timestamp_text(float(math.floor(value)))
        for value in (
            distribution.mean,
            distribution.minimum,
            distribution.p05,
            distribution.p50,
            distribution.p95,
            distribution.maximum,
        )
    )
    deviation = f"{format_number(distribution.std / SECONDS_PER_DAY)} days"
    return (name, unit or "date", _share(distribution.null_rate), mean, deviation, *quantiles)


def _category_row(name: str, feature: Feature | None, distribution: CategoryDistribution) -> tuple[str, ...]:
    largest = sorted(distribution.shares.items(), key=lambda item: -item[1])
    shares = ", ".join(f"{value} {_share(share)}" for value, share in largest[:_SHARES_SHOWN])
    remainder = f" and {len(largest) - _SHARES_SHOWN} more" if len(largest) > _SHARES_SHOWN else ""
    return (name, feature.type if feature else "class", _share(distribution.null_rate), shares + remainder)


def _share(share: float) -> str:
    return "0" if share == 0 else f"{share:.1%}" if share >= 0.001 else f"{share:.2g}"
