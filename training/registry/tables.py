"""The registry's output for readers: versions, a version, its history and comparisons as rows of cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from training.config.metric_names import METRICS, name_of
from training.registry.ab import AbResult, Arm
from training.registry.compare import COUNTS, Comparison
from training.registry.history import Event
from training.registry.version import Version

SHOWN_METRICS = 6
"""The number of columns of metrics that fit into the table."""
_TIME = "%Y-%m-%d %H:%M"


def version_rows(versions: Sequence[Version], also: str | None = None) -> list[tuple[str, ...]]:
    """Return a head and a row for each version, with the most important metrics and an additional requested metric."""
    metrics = _headlines(versions)
    if also is not None and also not in metrics:
        metrics.append(also)
    head = ("version", "stage", "aliases", "registered (UTC)", "bundle", *(name_of(name) for name in metrics))
    return [head, *(_version_row(version, metrics) for version in versions)]


def _version_row(version: Version, metrics: Iterable[str]) -> tuple[str, ...]:
    return (
        str(version.number),
        version.stage,
        ", ".join(version.aliases) or "-",
        version.created.strftime(_TIME),
        version.bundle_tag,
        *(number(version.metrics.get(name)) for name in metrics),
    )


def _headlines(versions: Iterable[Version]) -> list[str]:
    measured = {name for version in versions for name in version.metrics}
    return [name for name in METRICS if name in measured and name not in COUNTS][:SHOWN_METRICS]


def version_listing(version: Version) -> list[tuple[str, str]]:
    """Return the properties of a version: name and value, line by line."""
    own = {"stage", "metrics"}
    return [
        ("version", str(version)),
        ("stage", version.stage),
        ("aliases", ", ".join(version.aliases) or "-"),
        ("registered", f"{version.created.strftime(_TIME)} UTC"),
        ("run", version.run_id or "-"),
        *((name, version.tags[name]) for name in sorted(version.tags) if name not in own | METRICS.keys()),
    ]


def metric_listing(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return metrics by their readable names, the standard metrics first."""
    names = [*(name for name in METRICS if name in metrics), *(name for name in metrics if name not in METRICS)]
    return [(name_of(name), number(metrics[name])) for name in names]


def history_listing(events: Iterable[Event]) -> list[tuple[str, str]]:
    """Return a line for each event, the newest first."""
    return [
        (
            f"{event.when.strftime(_TIME)} UTC",
            f"{event.action:<8}  {'-' if event.before is None else event.before} → {event.after}"
            f"  by {event.user}: {event.reason}",
        )
        for event in reversed(list(events))
    ]


def comparison_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return a head and a row for each metric: both values, their difference, the better version."""
    names = {"first": comparison.first, "second": comparison.second, None: "-"}
    return [
        ("", comparison.first, comparison.second, "difference", "better"),
        *(
            (
                name_of(name),
                number(metric.first),
                number(metric.second),
                number(metric.difference, signed=True),
                names[metric.better],
            )
            for name, metric in comparison.metrics.items()
        ),
    ]


def change_listing(comparison: Comparison) -> list[tuple[str, str]]:
    """Return the other differences: data, features, changes for clients, parameters."""
    same = f"the same, sha256 {comparison.data[0][:12]}…"
    other = f"sha256 {comparison.data[0][:12]}… and {comparison.data[1][:12]}…: the metrics are of different rows"
    return [
        ("data", same if comparison.same_data else other),
        ("features added", ", ".join(comparison.features_added) or "none"),
        ("features removed", ", ".join(comparison.features_removed) or "none"),
        *(("breaks clients", change) for change in comparison.breaking),
        *(("breaks no client", change) for change in comparison.compatible),
        *((f"parameter {name}", f"{a or '-'} → {b or '-'}") for name, (a, b) in comparison.params.items()),
    ]


def arm_rows(a: Arm, b: Arm, result: AbResult) -> list[tuple[str, ...]]:
    """Return the metrics of both arms."""
    return [
        ("", "requests", "success rate", "mean ms", "p95 ms"),
        *(
            (name, f"{arm.requests:,}", f"{arm.rate:.2%}", f"{arm.mean_ms:.3g}", f"{arm.p95_ms:.3g}")
            for name, arm in ((f"A {a.name}", a), (f"B {b.name}", b))
        ),
        ("B against A", "", f"p = {result.p_value:.3g}", f"{result.mean_rise:+.1%}", f"{result.p95_rise:+.1%}"),
    ]


def version_json(version: Version) -> dict[str, Any]:
    """Return a version as JSON."""
    return {
        "name": version.name,
        "version": version.number,
        "stage": version.stage,
        "aliases": list(version.aliases),
        "bundle": version.bundle_tag,
        "pipeline": version.pipeline_tag,
        "run_id": version.run_id,
        "created": version.created.isoformat(),
        "metrics": version.metrics,
        "tags": dict(version.tags),
    }


def number(value: float | None, *, signed: bool = False) -> str:
    """Format a metric with four significant digits; ``-`` without a value."""
    if value is None:
        return "-"
    sign = "+" if signed else ""
    return format(value, f"{sign},.0f" if abs(value) >= 1000 else f"{sign}.4g")
