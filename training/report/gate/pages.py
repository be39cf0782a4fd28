"""The report of the gate: ``report.html`` for a browser, ``report.md`` for a pull request, ``gate.json`` for programs."""

from __future__ import annotations

from pathlib import Path

from tabento.packaging.latency import LatencyTable
from training.config import ModelConfig
from training.config.metric_names import name_of, unit_of
from training.gate.report import Check, GateReport
from training.model.metrics import HIGHER_IS_BETTER
from training.report.gate.plots import draw_champion, draw_reliability, draw_slices
from training.report.page import Notices, Picture, Section, Table, Text, Tiles, render_page
from training.studies.texts import Notice

JSON_FILE = "gate.json"
HTML_FILE = "report.html"
MARKDOWN_FILE = "report.md"
_GROUP_TEXTS = {
    "Limits": "Metrics of the test part, of the parity between the served graph and the pipeline, and of the cost.",
    "Against the champion": "Both models answer the same test rows; the rows are resampled many times, and the difference"
    " is computed each time. The model fails if it is significantly worse.",
    "Calibration": "Whether events with a probability of 70% occur seven times out of ten.",
    "Slices": "A mean over all rows can hide a high loss on some rows. A slice fails if its loss is significantly too"
    " high.",
    "Coverage": "Whether the promised share of true values is inside the prediction intervals, or of true labels in the"
    " prediction sets.",
    "Methods": "The methods that a model needs before it can be served.",
    "Leakage": "Whether a feature contains the target, or the model scores well on shuffled targets.",
    "Seeds": "Whether the score depends on the seed.",
    "Behaviour": "Known properties of the answer, tested on the served graph.",
}
"""The subject of a group of checks."""


def write_report(config: ModelConfig, report: GateReport, folder: Path, latency: LatencyTable) -> None:
    """Write the three files.

    Args:
        config: the model's config.
        report: the results of the gate.
        folder: the folder of the files; it exists.
        latency: the table of batch sizes.
    """
    (folder / JSON_FILE).write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / MARKDOWN_FILE).write_text(render_markdown(config, report), encoding="utf-8")
    pictures = _draw_pictures(config, report)
    for name, (picture, _) in pictures.items():
        (folder / f"{name}.png").write_bytes(picture.png)
    (folder / HTML_FILE).write_text(_render_html(config, report, latency, pictures), encoding="utf-8")


def verdict_in_words(report: GateReport) -> str:
    """Return the result of the gate as a sentence."""
    failed = [check.name for check in report.checks if not check.passed]
    if failed:
        return f"Failed: {len(failed)} of {len(report.limited_checks)} checks ({', '.join(failed)}). Nothing is registered."
    passed = f"Passed: all {len(report.limited_checks)} checks."
    undecided = [check.name for check in report.undecided]
    return passed + (
        f" Not checked against a limit, because the computer was busy: {', '.join(undecided)}." if undecided else ""
    )


def render_markdown(config: ModelConfig, report: GateReport) -> str:
    """Return the report as Markdown."""
    lines = [f"# {config.title}: gate", "", verdict_in_words(report)]
    for group, checks in _group_checks(report).items():
        lines += ["", f"## {group}", "", "| check | value | limit | verdict | |", "| --- | --- | --- | --- | --- |"]
        for check in checks:
            cells = (check.name, check.value_in_words, check.limit_in_words, _verdict_text(check), _check_text(check))
            lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _group_checks(report: GateReport) -> dict[str, list[Check]]:
    groups: dict[str, list[Check]] = {}
    for check in report.checks:
        groups.setdefault(check.group, []).append(check)
    return groups


def _verdict_text(check: Check) -> str:
    return "FAILED" if check.verdict == "failed" else check.verdict


def _check_text(check: Check) -> str:
    """Return the finding of a check, with the remedy if it failed."""
    parts = [check.detail] if check.detail else []
    if check.verdict in ("failed", "not judged") and check.remedy:
        parts.append(f"Remedy: {check.remedy}")
    return ". ".join(parts)


def _draw_pictures(config: ModelConfig, report: GateReport) -> dict[str, tuple[Picture, str]]:
    """Return the pictures by name, each with its group of checks."""
    pictures = {}
    if report.champion is not None:
        metric = report.champion.metric
        png = draw_champion(
            report.champion, name_of(metric), unit_of(metric, config.target.unit), metric in HIGHER_IS_BETTER
        )
        pictures["champion"] = (Picture(png, "The interval of the difference"), "Against the champion")
    if report.calibration is not None:
        png = draw_reliability(report.calibration)
        pictures["reliability"] = (Picture(png, "Observed frequency against the predicted probability"), "Calibration")
    if report.slices:
        limit = config.gate.slices.worse_max if config.gate.slices else None
        caption = f"Light: too few rows for the limit. {len(report.slices)} slices in all; the table below has each."
        pictures["slices"] = (Picture(draw_slices(report.slices, limit), "The ratio of each slice", caption), "Slices")
    return pictures


def _render_html(
    config: ModelConfig, report: GateReport, latency: LatencyTable, pictures: dict[str, tuple[Picture, str]]
) -> str:
    limited_checks = report.limited_checks
    failed = [check for check in limited_checks if not check.passed]
    tiles = (
        ("verdict", "failed" if failed else "passed"),
        ("checks passed", f"{len(limited_checks) - len(failed)} of {len(limited_checks)}"),
        ("not judged", str(len(report.undecided))),
        ("only shown", str(sum(check.verdict == "shown" for check in report.checks))),
        ("switched off", str(sum(check.verdict == "off" for check in report.checks))),
    )
    notices = tuple(
        Notice("warning", f"{check.name}: {_check_text(check) or check.limit_in_words}")
        for check in (*failed, *report.undecided)
    )
    sections = [Section("Verdict", (Tiles(tiles), *([Notices(notices)] if notices else [])))]
    for group, checks in _group_checks(report).items():
        blocks: list[Text | Table | Picture] = [Text(_GROUP_TEXTS[group])] if group in _GROUP_TEXTS else []
        blocks.append(_checks_table(checks))
        blocks += [picture for picture, picture_group in pictures.values() if picture_group == group]
        if group == "Slices" and report.slices:
            blocks.append(_slices_table(report))
        if group == "Coverage" and report.coverage:
            blocks.append(_coverage_table(report, config))
        if group == "Limits":
            blocks.append(_latency_table(latency))
        sections.append(Section(group, tuple(blocks)))
    return render_page(
        f"{config.title}: gate", verdict_in_words(report), sections, "The limits are under `gate` in the config."
    )


def _checks_table(checks: list[Check]) -> Table:
    return Table(
        ("check", "value", "limit", "verdict", "method and finding"),
        tuple(
            (check.name, check.value_in_words, check.limit_in_words, _verdict_text(check), _check_text(check))
            for check in checks
        ),
        left=5,
        marked=frozenset(place for place, check in enumerate(checks) if not check.passed),
    )


def _slices_table(report: GateReport) -> Table:
    rows = [
        (
            item.column,
            item.part,
            f"{item.rows:,}",
            f"{item.loss:.5g}",
            f"{item.ratio:.2f}",
            f"{item.low:.2f} to {item.high:.2f}",
            "yes" if item.is_evaluated else "too few rows",
        )
        for item in report.slices
    ]
    head = ("column", "part", "rows", "loss", "ratio", "95% interval", "judged")
    return Table(head, tuple(rows), left=2, caption="Every slice, the highest ratio first.")


def _coverage_table(report: GateReport, config: ModelConfig) -> Table:
    rows = [
        (
            item.column,
            item.part,
            f"{item.rows:,}",
            f"{item.coverage:.1%}",
            f"{item.low:.1%} to {item.high:.1%}",
            f"{item.width:,.5g}",
            "yes" if item.is_evaluated else "too few rows",
        )
        for item in report.coverage
    ]
    unit = f", {config.target.unit}" if config.target.unit else ""
    width = f"mean width{unit}" if config.target.classes is None else "labels in a set"
    head = ("column", "part", "rows", "coverage", "binomial interval", width, "judged")
    return Table(head, tuple(rows), left=2, caption="All rows, then every slice, the lowest coverage first.")


def _latency_table(latency: LatencyTable) -> Table:
    rows = [
        (
            f"{batch.rows:,}",
            "" if batch.mean_us is None else f"{batch.mean_us:,.1f}",
            f"{batch.p50_us:,.1f}",
            "" if batch.p95_us is None else f"{batch.p95_us:,.1f}",
            f"{batch.p99_us:,.1f}",
            f"{batch.us_per_row:,.2f}",
        )
        for batch in latency.batches
    ]
    caption = f"One thread of {latency.machine.cpu}, {latency.rounds} rounds of each size, without HTTP and JSON."
    if latency.disturbance is not None:
        caption += f" Measured by {latency.disturbance.clock} time: {latency.disturbance.in_words()}."
    return Table(
        ("rows in a batch", "mean, µs", "p50, µs", "p95, µs", "p99, µs", "µs per row"), tuple(rows), caption=caption
    )
