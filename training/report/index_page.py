"""The index page, ``runs/<name>/index.html``, with links to every report, plot and card of a model.

It is one file without scripts and external addresses. Links are relative, so the runs folder can be moved or packed as a
whole. Every file of the folders is listed: a new report needs no entry in this module.
"""

from __future__ import annotations

import contextlib
import html
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from training.config import ModelConfig
from training.config.metric_names import METRICS, name_of, unit_of
from training.config.settings import TrainingSettings

INDEX_FILE = "index.html"
METRICS_FILE = "metrics.json"
_VIEWED = (".html", ".png", ".svg", ".md", ".json", ".yaml", ".txt", ".csv")
"""Files that a browser or an editor shows; the other files of a stage's folder are for programs."""
_TEXTS = {
    "gate/report.html": "the gate: every check with its value and limit",
    "gate/report.md": "the gate, for a pull request",
    "gate/gate.json": "the gate, for programs",
    "gate.failed/report.html": "the gate that the last run failed",
    "card.md": "model card",
    "data_card.md": "data card",
    "report.png": "predictions against the target, in one picture",
    "metrics.json": "all metrics, for programs",
    "study/report.html": "study of the data",
    "sweep/best_params.yaml": "decisions of the sweep, with a config's own keys",
    "select/table.md": "comparison of estimators",
}
"""The description of a file; other files are listed by name only."""
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0}td:last-child{text-align:right}"
    "img{max-width:100%}summary{font-weight:600;cursor:pointer;margin:.8rem 0}pre{white-space:pre-wrap;background:#f6f8fa;"
    "padding:1rem}.muted{color:#59636e}"
)


@dataclass(frozen=True)
class _Run:
    """The folder of a run."""

    folder: Path
    written_s: float
    """The time of its newest file, in seconds since 1970."""


def write_index(settings: TrainingSettings, name: str, *, title: str = "", unit: str | None = None) -> Path | None:
    """Write the index page of a model.

    Args:
        settings: the settings with the folders of runs and stages.
        name: the model's name.
        title: the model's title, for the heading.
        unit: the unit of its target.

    Returns:
        The page; None if there are no files to list, or if the page cannot be written. Neither ends a run.
    """
    folder = settings.runs_folder / name
    stages = settings.artifacts_folder / name
    runs = _list_runs(folder)
    if not runs and not any(_list_viewable_files(stages)):
        return None
    page = _render_page(title or name, folder, stages, runs, unit)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=folder, prefix=f".{INDEX_FILE}-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
        Path(part).chmod(0o644)
        return Path(part).replace(folder / INDEX_FILE)
    except OSError:
        return None


@contextlib.contextmanager
def write_index_at_end(settings: TrainingSettings, config: ModelConfig) -> Iterator[None]:
    """Write the index page at the end of the block, also after an error."""
    try:
        yield
    finally:
        write_index(settings, config.name, title=config.title, unit=config.target.unit)


def _list_runs(folder: Path) -> list[_Run]:
    """Return the folders of runs with viewable files, the newest first."""
    runs = []
    with contextlib.suppress(OSError):
        for inner in folder.iterdir():
            files = list(_list_viewable_files(inner)) if inner.is_dir() and not inner.name.startswith(".") else []
            if files:
                runs.append(_Run(inner, max(file.stat().st_mtime for file in files)))
    return sorted(runs, key=lambda run: (-run.written_s, run.folder.name))


def _list_viewable_files(folder: Path) -> Iterator[Path]:
    """Yield the viewable files below a folder in alphabetical order, without hidden folders."""
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in _VIEWED and path.name != "stage.json" and not hidden and path.is_file():
            yield path


def _render_page(title: str, folder: Path, stages: Path, runs: list[_Run], unit: str | None) -> str:
    body = [f"<h1>{html.escape(title)}</h1>", f'<p class="muted">{html.escape(str(folder))}, the newest first.</p>']
    for position, run in enumerate(runs):
        body += _render_run(run, folder, unit, is_open=position == 0)
    files = list(_list_viewable_files(stages))
    if files:
        body.append("<h2>Stages and studies</h2>")
        body.append(f'<p class="muted">Files of the stages in {html.escape(str(stages))}.</p>')
        body.append(_render_links(files, stages, folder))
    head = f'<meta charset="utf-8"><title>{html.escape(title)}: reports</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(body) + "\n</body></html>\n"


def _render_run(run: _Run, folder: Path, unit: str | None, *, is_open: bool) -> list[str]:
    modified_text = datetime.fromtimestamp(run.written_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    name = html.escape(run.folder.name)
    parts = [f"<details{' open' if is_open else ''}><summary>{name}, {modified_text}</summary>"]
    if rows := _metric_rows(run.folder / METRICS_FILE, unit):
        parts.append(
            "<table>" + "".join(f"<tr><td>{label}</td><td>{value}</td></tr>" for label, value in rows) + "</table>"
        )
    files = list(_list_viewable_files(run.folder))
    parts.append(_render_links(files, run.folder, folder))
    picture = run.folder / "report.png"
    if is_open and picture in files:
        parts.append(f'<p><img src="{_relative_address(picture, folder)}" alt="predictions against the target"></p>')
    if is_open:
        for file in files:
            if file.suffix == ".md" and file.parent == run.folder:
                label = html.escape(_TEXTS.get(file.name, file.name))
                text = html.escape(file.read_text(encoding="utf-8", errors="replace"))
                parts.append(f"<details><summary>{label}</summary><pre>{text}</pre></details>")
    return [*parts, "</details>"]


def _render_links(files: list[Path], below: Path, folder: Path) -> str:
    """Return a list of links; pages are first."""
    order = {suffix: position for position, suffix in enumerate(_VIEWED)}
    items = []
    for file in sorted(files, key=lambda path: (order[path.suffix], path)):
        relative = file.relative_to(below).as_posix()
        text = _TEXTS.get(relative)
        description = f' <span class="muted">{html.escape(text)}</span>' if text else ""
        items.append(f'<li><a href="{_relative_address(file, folder)}">{html.escape(relative)}</a>{description}</li>')
    return "<ul>" + "".join(items) + "</ul>"


def _relative_address(file: Path, folder: Path) -> str:
    """Return the address of a file relative to the page."""
    return quote(Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix())


def _metric_rows(path: Path, unit: str | None) -> list[tuple[str, str]]:
    """Return metrics as cells, the known metrics first; an empty list if the file cannot be read."""
    try:
        metrics = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    if not isinstance(metrics, dict):
        return []
    keys = [*(key for key in METRICS if key in metrics), *(key for key in metrics if key not in METRICS)]
    return [
        (html.escape(name_of(key)), html.escape(f"{metrics[key]:,.5g} {unit_of(key, unit)}".strip()))
        for key in keys
        if isinstance(metrics[key], int | float)
    ]
