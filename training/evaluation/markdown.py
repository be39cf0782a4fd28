"""The evaluation as a page that people can read and copy from."""

from __future__ import annotations

from training.config import ModelConfig
from training.evaluation.report import EvaluationReport, Figure, Variant
from training.metric_names import name_of, unit_of


def render(report: EvaluationReport, config: ModelConfig) -> str:
    """Return the report as Markdown, with a table for each variant and one for each difference."""
    lines = [
        f"# {report.title}: repeated cross-validation",
        "",
        f"{report.rows:,} rows{f' ({report.data})' if report.data else ''}, {report.folds} folds, {report.repeats}"
        f" {'repeat' if report.repeats == 1 else 'repeats'}, seed {report.seed}. Everything that is learned is learned"
        " anew in each fold; nothing is chosen here.",
        "",
    ]
    for variant in report.variants:
        lines += [f"## {variant.name[0].upper()}{variant.name[1:]}", "", *_figures(variant, config, report), ""]
    for variant in report.variants[1:]:
        lines += [
            f"## What {variant.name} changes",
            "",
            f"The figures {variant.name} minus those {report.variants[0].name}, fold by fold. An interval that holds 0"
            " is no difference that these rows can show.",
            "",
            *_differences(variant, config, report),
            "",
        ]
    lines += [
        "![The figures of the folds](evaluation.png)",
        "",
        f"The interval of the mean ({report.confidence:.0%}) is that of the corrected resampled t statistic (Nadeau and"
        " Bengio, 2003): folds share training rows, so a plain one would be too narrow. *Pooled* is the metric over all"
        " rows at once, each answered by the fold that did not see it, and the mean of that over the repeats.",
        "",
    ]
    return "\n".join(lines)


def metric_label(metric: str, config: ModelConfig) -> str:
    """Return a metric's name with its unit, as people write it."""
    name, unit = name_of(metric), unit_of(metric, config.target.unit)
    return f"{name} ({unit})" if unit else name


def short(value: float) -> str:
    """Write a figure with the digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.4g}" if abs(value) >= 1 else f"{value:.4f}"


def _figures(variant: Variant, config: ModelConfig, report: EvaluationReport) -> list[str]:
    lines = [
        f"| | mean over folds | {report.confidence:.0%} interval | standard deviation over folds | pooled |",
        "| --- | --- | --- | --- | --- |",
    ]
    for metric, figure in variant.figures.items():
        lines.append(
            f"| {metric_label(metric, config)} | {short(figure.mean)} | {_interval(figure)} | {short(figure.sd)} |"
            f" {short(variant.pooled[metric])} |"
        )
    return lines


def _differences(variant: Variant, config: ModelConfig, report: EvaluationReport) -> list[str]:
    lines = [f"| | mean difference | {report.confidence:.0%} interval |", "| --- | --- | --- |"]
    for metric, figure in variant.difference.items():
        lines.append(f"| {metric_label(metric, config)} | {short(figure.mean)} | {_interval(figure)} |")
    return lines


def _interval(figure: Figure) -> str:
    return f"{short(figure.low)} to {short(figure.high)}"
