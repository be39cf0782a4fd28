"""The report of a retraining: ``retrain.json`` for programs, ``retrain.md`` for readers and for a job's summary."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from tabento.errors import SaveError
from training.config.metric_names import name_of
from training.registry.compare import metric_differences
from training.registry.tables import number
from training.stages.retraining.drift import DriftReport
from training.stages.retraining.result import RetrainResult, TrainedVersion

JSON_FILE = "retrain.json"
MARKDOWN_FILE = "retrain.md"
FOLDER = "retrain"
HEADLINES = {
    "challenger": "A challenger was made.",
    "nothing_to_do": "There was nothing to do.",
    "refused": "No challenger was made.",
}


def write_report(result: RetrainResult, runs_folder: Path) -> Path:
    """Write the report into ``<runs>/<name>/retrain/<time>`` and return the folder. A partial report is removed.

    Raises:
        SaveError: it cannot be written.
    """
    folder = runs_folder / result.name / FOLDER / result.started_at.strftime("%Y%m%dT%H%M%S.%fZ")
    try:
        folder.mkdir(parents=True)
        (folder / JSON_FILE).write_text(result.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / MARKDOWN_FILE).write_text(render(result), encoding="utf-8")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise SaveError(
            f"the report of the retraining could not be written to {folder}: {error.strerror or error}."
            " Choose another folder with --runs-folder."
        ) from error
    return folder


def render(result: RetrainResult) -> str:
    """Return the report as Markdown."""
    parts = [
        f"# Retraining of {result.name}",
        f"**{HEADLINES[result.outcome]}** {result.started_at.strftime('%Y-%m-%d %H:%M')} UTC, {result.seconds:.0f} s.",
        "\n".join(f"- {reason}" for reason in result.reasons),
        f"Data: {result.data_rows:,} rows from {result.data_source}, sha256 `{result.data_sha256}`.",
        *_versions(result),
        *_schema(result),
        *(_drift(result.drift) if result.drift is not None else ()),
        *_next(result),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _versions(result: RetrainResult) -> list[str]:
    champion, challenger = result.champion, result.challenger
    if champion is None and challenger is None:
        return []
    if champion is not None and challenger is not None:
        rows = [
            (name_of(name), number(metric.first), number(metric.second), number(metric.difference, signed=True))
            for name, metric in metric_differences(champion.metrics, challenger.metrics).items()
        ]
        note = (
            "Each version on the test part of its own data. The gate compares both on the same rows; its report is among"
            " the files of the run."
        )
        return ["## Versions", _table(("", _head(champion), _head(challenger), "difference"), rows), note]
    return [
        line
        for version in (champion, challenger)
        if version is not None
        for line in (
            "## Version",
            _table(("", _head(version)), [(name_of(name), number(value)) for name, value in version.metrics.items()]),
        )
    ]


def _head(trained: TrainedVersion) -> str:
    return f"{trained.version}, `{trained.bundle}`"


def _schema(result: RetrainResult) -> list[str]:
    if result.schema_report is None:
        return []
    lines = result.schema_report.in_words()
    text = "\n".join(f"- {line}" for line in lines) if lines else "The data matches the champion's contract."
    return ["## Schema", text]


def _drift(drift: DriftReport) -> list[str]:
    rows = [
        (
            f"{column.name}{' (target)' if column.role == 'target' else ''}",
            f"{column.psi:.4f}",
            column.level,
            f"{column.p_value:.2g}",
            "" if column.ks is None else f"{column.ks:.4f}",
            f"{column.missing_before:.2%}",
            f"{column.missing_now:.2%}",
        )
        for column in sorted(drift.columns, key=lambda column: -column.psi)
    ]
    head = ("column", "PSI", "level", "p, chi-square", "KS distance", "missing before", "missing now")
    verdict = (
        f"{len(drift.drifted)} of {len(drift.columns)} columns drifted so far that the model should be trained again"
        " (PSI of at least 0.2, beyond chance)."
    )
    return ["## Drift from the champion's training data", verdict, _table(head, rows)]


def _next(result: RetrainResult) -> list[str]:
    if result.challenger is None:
        return []
    name, _, version = result.challenger.version.partition("/")
    compare = f"tabento models compare {name} champion challenger\n" if result.champion is not None else ""
    return ["## Next", f'```\n{compare}tabento models promote {name} {version} --why "…"\n```']


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = [list(head)]
    lines = [*cells, ["---"] * len(cells[0]), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
