"""The index page: it leads to everything that was left, needs nothing else, and never ends a run."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.conftest import ORCHARD
from training.config import load_config
from training.config.settings import TrainingSettings
from training.errors import GateError
from training.report import INDEX_FILE, write_index, write_index_at_end


@pytest.fixture
def settings(tmp_path: Path) -> TrainingSettings:
    """Settings with folders of a test's own."""
    return TrainingSettings(runs_folder=tmp_path / "my runs", artifacts_folder=tmp_path / "artifacts")


def leave(folder: Path, *names: str, modified_s: int = 1_700_000_000) -> None:
    """Write files into a folder, with a time."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content of <b>" + name, encoding="utf-8")
        os.utime(path, (modified_s, modified_s))


def links(page: Path) -> set[Path]:
    """Return the files to which a page leads."""
    addresses = re.findall(r'(?:href|src)="([^"]+)"', page.read_text(encoding="utf-8"))
    return {(page.parent / unquote(address)).resolve() for address in addresses}


def test_every_file_is_linked(settings: TrainingSettings) -> None:
    """Reports, plots and cards of all runs and stages are linked; files for programs only are not listed."""
    runs, stages = settings.runs_folder / "orchard", settings.artifacts_folder / "orchard"
    leave(runs / "v1", "card.md", "report.png", "gate/report.html", "gate/100% ü & so.png")
    leave(runs / "retrain" / "2026", "retrain.md", modified_s=1_700_000_001)
    leave(
        stages, "study/report.html", "gate.failed/report.html", "fit/pipeline.joblib", "study/stage.json", ".run-x/a.md"
    )
    page = write_index(settings, "orchard", title="Orchard")
    assert page == runs / INDEX_FILE
    seen = [path for folder in (runs, stages) for path in folder.rglob("*") if path.is_file()]
    hidden = {"pipeline.joblib", "stage.json", "a.md", INDEX_FILE}
    assert links(page) == {path.resolve() for path in seen if path.name not in hidden}


def test_newest_run_is_open_with_its_figures_and_cards(settings: TrainingSettings) -> None:
    """The latest run is first, with its metrics by name and unit; texts of reports are escaped."""
    runs = settings.runs_folder / "orchard"
    leave(runs / "old", "card.md", modified_s=1_600_000_000)
    leave(runs / "new", "card.md", "report.png")
    (runs / "new" / "metrics.json").write_text(json.dumps({"rmse": 1234.5678, "own": 2, "odd": "x"}), encoding="utf-8")
    page = write_index(settings, "orchard", title="Orchard <1>", unit="kg")
    assert page is not None
    text = page.read_text(encoding="utf-8")
    assert text.index(">new, ") < text.index(">old, ")
    assert text.count("<details open>") == 1
    assert "<td>RMSE</td><td>1,234.6 kg</td>" in text
    assert "<td>own</td><td>2</td>" in text
    assert "content of &lt;b&gt;card.md" in text
    assert "Orchard &lt;1&gt;" in text
    assert "<b>" not in text


def test_page_needs_nothing_else(settings: TrainingSettings) -> None:
    """The page has no external address and no script, and every address is relative."""
    leave(settings.runs_folder / "orchard" / "v1", "card.md", "report.png")
    page = write_index(settings, "orchard")
    assert page is not None
    text = page.read_text(encoding="utf-8")
    assert "http" not in text
    assert "<script" not in text
    assert not re.search(r'(?:href|src)="/', text)


def test_model_without_files_has_no_page(settings: TrainingSettings) -> None:
    """A model without reports gets no page, and no folder."""
    assert write_index(settings, "orchard") is None
    assert not settings.runs_folder.exists()


def test_page_that_cannot_be_written_ends_no_run(settings: TrainingSettings) -> None:
    """Neither a read-only folder nor a damaged metrics file ends a run."""
    leave(settings.artifacts_folder / "orchard", "study/report.html")
    settings.runs_folder.write_text("in the way")
    assert write_index(settings, "orchard") is None
    settings.runs_folder.unlink()
    leave(settings.runs_folder / "orchard" / "v1", "metrics.json")
    assert write_index(settings, "orchard") is not None


def test_run_that_fails_its_gate_has_a_page(settings: TrainingSettings) -> None:
    """The page links the report of a failed gate, and the error is raised."""
    config = load_config(ORCHARD)
    leave(settings.artifacts_folder / "orchard", "gate.failed/report.html")
    with pytest.raises(GateError), write_index_at_end(settings, config):
        raise GateError("missed")
    page = settings.runs_folder / "orchard" / INDEX_FILE
    assert links(page) == {(settings.artifacts_folder / "orchard" / "gate.failed" / "report.html").resolve()}
    assert config.title in page.read_text(encoding="utf-8")
