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
from training.errors import GateError
from training.reports import INDEX_FILE, indexed, write_index
from training.settings import TrainingSettings


@pytest.fixture
def settings(tmp_path: Path) -> TrainingSettings:
    """Settings with folders of a test's own."""
    return TrainingSettings(runs_folder=tmp_path / "my runs", artifacts_folder=tmp_path / "artifacts")


def leave(folder: Path, *names: str, when: int = 1_700_000_000) -> None:
    """Write files into a folder, with a time."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content of <b>" + name, encoding="utf-8")
        os.utime(path, (when, when))


def links(page: Path) -> set[Path]:
    """Return the files to which a page leads."""
    addresses = re.findall(r'(?:href|src)="([^"]+)"', page.read_text(encoding="utf-8"))
    return {(page.parent / unquote(address)).resolve() for address in addresses}


def test_every_file_is_reached(settings: TrainingSettings) -> None:
    """Reports, plots and cards of all runs and stages are one click away; what is for programs only is not listed."""
    runs, stages = settings.runs_folder / "orchard", settings.artifacts_folder / "orchard"
    leave(runs / "v1", "card.md", "report.png", "gate/report.html", "gate/100% ü & so.png")
    leave(runs / "retrain" / "2026", "retrain.md", when=1_700_000_001)
    leave(
        stages, "study/report.html", "gate.failed/report.html", "fit/pipeline.joblib", "study/stage.json", ".run-x/a.md"
    )
    page = write_index(settings, "orchard", title="Orchard")
    assert page == runs / INDEX_FILE
    seen = [path for folder in (runs, stages) for path in folder.rglob("*") if path.is_file()]
    hidden = {"pipeline.joblib", "stage.json", "a.md", INDEX_FILE}
    assert links(page) == {path.resolve() for path in seen if path.name not in hidden}


def test_newest_run_is_open_with_its_figures_and_cards(settings: TrainingSettings) -> None:
    """The latest comes first, with its metrics by name and unit; texts of reports are escaped."""
    runs = settings.runs_folder / "orchard"
    leave(runs / "old", "card.md", when=1_600_000_000)
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
    """There is no outside address and no script, and every address is relative."""
    leave(settings.runs_folder / "orchard" / "v1", "card.md", "report.png")
    page = write_index(settings, "orchard")
    assert page is not None
    text = page.read_text(encoding="utf-8")
    assert "http" not in text
    assert "<script" not in text
    assert not re.search(r'(?:href|src)="/', text)


def test_nothing_to_show_makes_no_page(settings: TrainingSettings) -> None:
    """A model without reports gets no page, and no folder."""
    assert write_index(settings, "orchard") is None
    assert not settings.runs_folder.exists()


def test_page_that_cannot_be_written_is_no_matter(settings: TrainingSettings) -> None:
    """Neither a shut folder nor damaged figures end a run."""
    leave(settings.artifacts_folder / "orchard", "study/report.html")
    settings.runs_folder.write_text("in the way")
    assert write_index(settings, "orchard") is None
    settings.runs_folder.unlink()
    leave(settings.runs_folder / "orchard" / "v1", "metrics.json")
    assert write_index(settings, "orchard") is not None


def test_run_that_its_gate_ends_has_a_page_too(settings: TrainingSettings) -> None:
    """The report of a failed gate is reached, and the error goes on its way."""
    config = load_config(ORCHARD)
    leave(settings.artifacts_folder / "orchard", "gate.failed/report.html")
    with pytest.raises(GateError), indexed(settings, config):
        raise GateError("missed")
    page = settings.runs_folder / "orchard" / INDEX_FILE
    assert links(page) == {(settings.artifacts_folder / "orchard" / "gate.failed" / "report.html").resolve()}
    assert config.title in page.read_text(encoding="utf-8")
