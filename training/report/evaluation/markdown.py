"""The evaluation as Markdown."""

from __future__ import annotations

from training.config import ModelConfig
from training.config.metric_names import name_of, unit_of
from training.studies.evaluation.results import EvaluatedCoverage, EvaluationReport, FoldMetric, Variant


def render_evaluation(report: EvaluationReport, config: ModelConfig) -> str:
    """Return the report as Markdown, with a table for each variant and one for each difference."""
    lines = [
        f"# {report.title}: repeated cross-validation",
        "",
        f"{report.rows:,} rows{f' ({report.data})' if report.data else ''}, {report.folds} folds, {report.repeats}"
        f" {'repeat' if report.repeats == 1 else 'repeats'}, seed {report.seed}. Every part of the pipeline is fitted"
        " again in each fold; nothing is chosen here.",
        "",
    ]
    for variant in report.variants:
        lines += [f"## {variant.name[0].upper()}{variant.name[1:]}", "", *_figures(variant, config, report), ""]
    for variant in report.variants[1:]:
        lines += [
            f"## Difference {variant.name}",
            "",
            f"The metrics {variant.name} minus the metrics {report.variants[0].name}, fold by fold. If an interval contains"
            " 0, these rows show no difference.",
            "",
            *_differences(variant, config, report),
            "",
        ]
    if report.coverage is not None:
        lines += ["## Coverage", "", *_coverage(report.coverage, config, report), ""]
    lines += [
        "![The metrics of the folds](evaluation.png)",
        "",
        f"The interval of the mean ({report.confidence:.0%}) uses the corrected resampled t statistic (Nadeau and"
        " Bengio, 2003): folds share training rows, so a plain t interval would be too narrow. *Pooled* is the metric over all"
        " rows together, where each row is answered by the pipeline that was not fitted on it; the mean over the repeats.",
        "",
    ]
    return "\n".join(lines)


def metric_label(metric: str, config: ModelConfig) -> str:
    """Return a metric's name with its unit."""
    name, unit = name_of(metric), unit_of(metric, config.target.unit)
    return f"{name} ({unit})" if unit else name


def format_metric(value: float) -> str:
    """Write a metric with the digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.4g}" if abs(value) >= 1 else f"{value:.4f}"


def _figures(variant: Variant, config: ModelConfig, report: EvaluationReport) -> list[str]:
    lines = [
        f"| | mean over folds | {report.confidence:.0%} interval | standard deviation over folds | pooled |",
        "| --- | --- | --- | --- | --- |",
    ]
    for metric, figure in variant.figures.items():
        lines.append(
            f"| {metric_label(metric, config)} | {format_metric(figure.mean)} | {_interval(figure)} | {format_metric(figure.sd)} |"
            f" {format_metric(variant.pooled[metric])} |"
        )
    return lines


def _differences(variant: Variant, config: ModelConfig, report: EvaluationReport) -> list[str]:
    lines = [f"| | mean difference | {report.confidence:.0%} interval |", "| --- | --- | --- |"]
    for metric, figure in variant.difference.items():
        lines.append(f"| {metric_label(metric, config)} | {format_metric(figure.mean)} | {_interval(figure)} |")
    return lines


def _coverage(coverage: EvaluatedCoverage, config: ModelConfig, report: EvaluationReport) -> list[str]:
    subject = "interval" if config.intervals is not None else "set"
    unit = f" ({config.target.unit})" if config.target.unit else ""
    width = f"mean width{unit}" if config.intervals is not None else "labels in a set"
    lines = [
        f"The prediction {subject}s promise {coverage.promised:.0%}. They are calibrated again in each fold, on its training rows"
        " only.",
        "",
        f"| | mean over folds | {report.confidence:.0%} interval | standard deviation over folds |",
        "| --- | --- | --- | --- |",
    ]
    for metric, figure in coverage.figures.items():
        cells = (metric_label(metric, config), format_metric(figure.mean), _interval(figure), format_metric(figure.sd))
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        f"| column | part | rows | coverage | {report.confidence:.0%} binomial interval | {width} |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for item in coverage.slices:
        interval = f"{item.low:.1%} to {item.high:.1%}"
        texts = (item.column, item.part, f"{item.rows:,}", f"{item.coverage:.1%}", interval, format_metric(item.width))
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in texts) + " |")
    return lines


def _interval(figure: FoldMetric) -> str:
    return f"{format_metric(figure.low)} to {format_metric(figure.high)}"
