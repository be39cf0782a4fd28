"""Sections and rows that more than one card has: metrics, features, the proof of parity, latency, importances."""

from __future__ import annotations

from collections.abc import Mapping

from tabento.bundle.contract import Feature
from tabento.bundle.numbers import number_text
from tabento.packaging.latency import LatencyTable
from tabento.parity import ParityReport
from training.config import ModelConfig
from training.config.metric_names import METRICS, name_of, unit_of
from training.model.importances import Importances
from training.report.card.markdown import format_number, render_section


def metric_rows(config: ModelConfig, metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return the metrics as rows of a table: name and value with its unit, the known metrics first."""
    return [(name_of(key), _with_unit(config, key, metrics[key])) for key in order_metrics(metrics)]


def interval_rows(
    config: ModelConfig, metrics: Mapping[str, float], intervals: Mapping[str, tuple[float, float]]
) -> list[tuple[str, str, str]]:
    """Return ``metric_rows`` with the interval of each metric; a dash if it has none."""
    rows = []
    for key in order_metrics(metrics):
        ends = intervals.get(key)
        text = f"{format_number(ends[0])} to {format_number(ends[1])}" if ends and ends[0] < ends[1] else "–"
        rows.append((name_of(key), _with_unit(config, key, metrics[key]), text))
    return rows


def order_metrics(metrics: Mapping[str, float]) -> list[str]:
    """Return the metrics' keys in the order of the reports; metrics without a name are last."""
    return [*(key for key in METRICS if key in metrics), *(key for key in metrics if key not in METRICS)]


def _with_unit(config: ModelConfig, key: str, value: float) -> str:
    return f"{format_number(value)} {unit_of(key, config.target.unit)}".strip()


def feature_row(feature: Feature) -> tuple[str, ...]:
    """Return a feature as a row of a table: name, type, unit, accepted values, description."""
    return (feature.name, feature.type, feature.unit or "", feature.expected(), feature.description)


def parity_section(parity: ParityReport, unit: str | None) -> str:
    """Return the section about the proof of parity; ``unit`` is the unit of a predicted number."""
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
    return render_section("parity", parity, head, rows)


def latency_section(latency: LatencyTable) -> str:
    """Return the section about latency: the computer, the runtime and the table of batch sizes."""
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
    return render_section("latency", latency, rows)


def _time(value_us: float | None) -> str:
    return "" if value_us is None else f"{value_us:,.1f}"


def importances_section(config: ModelConfig, importances: Importances | None) -> str:
    """Return the section about the most important features; empty if they were not measured."""
    if importances is None:
        return ""
    unit = unit_of(importances.metric, config.target.unit)
    loss = f"{name_of(importances.metric)} worse by{f', {unit}' if unit else ''}"
    answer = config.target.unit or ("answer" if config.target.classes is None else "probability")
    rows = [
        (
            item.feature,
            f"{format_number(item.permutation)} ± {format_number(item.permutation_std)}",
            format_number(item.shap),
        )
        for item in importances.top
    ]
    return render_section("importances", importances, rows, loss, answer)


def sensitive_section(config: ModelConfig) -> str:
    """Return the table of the columns with a protected trait, and whether the model receives them; empty if there are none."""
    feature_names = {feature.name for feature in config.features}
    rows = [
        (column, "yes" if column in feature_names else "no, dropped" if column in config.drop else "no", reason)
        for column, reason in config.card.sensitive.items()
    ]
    return render_section("sensitive", rows)
