"""The gate's report for people: ``report.html`` to look through, ``report.md`` for a pull request, ``gate.json`` for programs."""

from __future__ import annotations

from pathlib import Path

from training.config import ModelConfig
from training.gate.drawing import draw_champion, draw_reliability, draw_slices
from training.gate.report import Check, GateReport
from training.latency import LatencyTable
from training.metric_names import name_of, unit_of
from training.metrics import HIGHER_IS_BETTER
from training.study.page import Notice, Notices, Picture, Section, Table, Text, Tiles, render_page

JSON_FILE = "gate.json"
HTML_FILE = "report.html"
MARKDOWN_FILE = "report.md"
_EXPLAINED = {
    "Limits": "Figures of the test part, of the proof that the served graph answers what the pipeline answers, and of cost.",
    "Against the champion": "Both models answer the same test rows; rows are drawn again and again, and the difference is"
    " taken each time. The model fails where it is worse beyond chance.",
    "Calibration": "Whether what is called 70% happens seven times out of ten.",
    "Slices": "A mean over all rows can hide that the model is bad for some of them. A slice fails where its loss is too"
    " high beyond chance.",
    "Methods": "What a model must be able to do before it can be served.",
    "Leakage": "Whether the answer hides in the features, or the model scores on targets that mean nothing.",
    "Seeds": "Whether the model is good, or its seed was lucky.",
    "Behaviour": "What people know about the answer, tried on the served graph.",
}
"""What a group of checks is about."""


def write_report(config: ModelConfig, report: GateReport, folder: Path, latency: LatencyTable) -> None:
    """Write the three files.

    Args:
        config: the model's config.
        report: what is told.
        folder: where they go; it must be there.
        latency: for the table of batch sizes.
    """
    (folder / JSON_FILE).write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / MARKDOWN_FILE).write_text(render_markdown(config, report), encoding="utf-8")
    pictures = _pictures(config, report)
    for name, (picture, _) in pictures.items():
        (folder / f"{name}.png").write_bytes(picture.png)
    (folder / HTML_FILE).write_text(_html(config, report, latency, pictures), encoding="utf-8")


def verdict_in_words(report: GateReport) -> str:
    """Say in a sentence how the model did."""
    failed = [check.name for check in report.checks if not check.passed]
    if failed:
        return f"Failed: {len(failed)} of {len(report.judged)} checks ({', '.join(failed)}). Nothing is registered."
    passed = f"Passed: all {len(report.judged)} checks."
    undecided = [check.name for check in report.undecided]
    return passed + (f" Not judged, because the machine was busy: {', '.join(undecided)}." if undecided else "")


def render_markdown(config: ModelConfig, report: GateReport) -> str:
    """Return the report as Markdown."""
    lines = [f"# {config.title}: gate", "", verdict_in_words(report)]
    for group, checks in _grouped(report).items():
        lines += ["", f"## {group}", "", "| check | value | limit | verdict | |", "| --- | --- | --- | --- | --- |"]
        for check in checks:
            cells = (check.name, check.value_in_words, check.limit_in_words, _verdict(check), _told(check))
            lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _grouped(report: GateReport) -> dict[str, list[Check]]:
    groups: dict[str, list[Check]] = {}
    for check in report.checks:
        groups.setdefault(check.group, []).append(check)
    return groups


def _verdict(check: Check) -> str:
    return "FAILED" if check.verdict == "failed" else check.verdict


def _told(check: Check) -> str:
    """Return what a check found, and what to do where it failed."""
    parts = [check.detail] if check.detail else []
    if check.verdict in ("failed", "not judged") and check.remedy:
        parts.append(f"What to do: {check.remedy}")
    return ". ".join(parts)


def _pictures(config: ModelConfig, report: GateReport) -> dict[str, tuple[Picture, str]]:
    """Return the pictures by name, each with the group that it belongs to."""
    found = {}
    if report.champion is not None:
        metric = report.champion.metric
        png = draw_champion(
            report.champion, name_of(metric), unit_of(metric, config.target.unit), metric in HIGHER_IS_BETTER
        )
        found["champion"] = (Picture(png, "The interval of the difference"), "Against the champion")
    if report.calibration is not None:
        png = draw_reliability(report.calibration)
        found["reliability"] = (Picture(png, "How often it was so against the probability"), "Calibration")
    if report.slices:
        limit = config.gate.slices.worse_max if config.gate.slices else None
        caption = f"Light: too few rows to be judged. {len(report.slices)} slices in all; the table below has each."
        found["slices"] = (Picture(draw_slices(report.slices, limit), "The ratio of each slice", caption), "Slices")
    return found


def _html(
    config: ModelConfig, report: GateReport, latency: LatencyTable, pictures: dict[str, tuple[Picture, str]]
) -> str:
    judged = report.judged
    failed = [check for check in judged if not check.passed]
    tiles = (
        ("verdict", "failed" if failed else "passed"),
        ("checks passed", f"{len(judged) - len(failed)} of {len(judged)}"),
        ("not judged", str(len(report.undecided))),
        ("only shown", str(sum(check.verdict == "shown" for check in report.checks))),
        ("switched off", str(sum(check.verdict == "off" for check in report.checks))),
    )
    notices = tuple(
        Notice("warning", f"{check.name}: {_told(check) or check.limit_in_words}")
        for check in (*failed, *report.undecided)
    )
    sections = [Section("Verdict", (Tiles(tiles), *([Notices(notices)] if notices else [])))]
    for group, checks in _grouped(report).items():
        blocks: list[Text | Table | Picture] = [Text(_EXPLAINED[group])] if group in _EXPLAINED else []
        blocks.append(_checks_table(checks))
        blocks += [picture for picture, of in pictures.values() if of == group]
        if group == "Slices" and report.slices:
            blocks.append(_slices_table(report))
        if group == "Limits":
            blocks.append(_latency_table(latency))
        sections.append(Section(group, tuple(blocks)))
    return render_page(
        f"{config.title}: gate", verdict_in_words(report), sections, "The limits are under `gate` in the config."
    )


def _checks_table(checks: list[Check]) -> Table:
    return Table(
        ("check", "value", "limit", "verdict", "what was done and found"),
        tuple(
            (check.name, check.value_in_words, check.limit_in_words, _verdict(check), _told(check)) for check in checks
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
            "yes" if item.judged else "too few rows",
        )
        for item in report.slices
    ]
    head = ("column", "part", "rows", "loss", "ratio", "95% interval", "judged")
    return Table(head, tuple(rows), left=2, caption="Every slice, the highest ratio first.")


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
