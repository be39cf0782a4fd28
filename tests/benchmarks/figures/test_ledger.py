"""The documents quote the measurements of the models that ship."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.figures.ledger import FOOTPRINT, LEDGER, SYSTEMS, config_sha256, readme_request, stale_figures
from benchmarks.process import ROOT


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the documents, the configs and the measurements."""
    for path in (LEDGER, FOOTPRINT, *(Path("configs") / f"{name}.yaml" for name in SYSTEMS)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    for document in ("README.md", "docs/results.md", "docs/footprint.md"):
        shutil.copy(ROOT / document, tmp_path / document)
    return tmp_path


def test_the_documents_say_what_was_measured() -> None:
    """No figure is older than the config of its model, and each document quotes the measured value."""
    assert stale_figures() == []


def test_a_changed_config_makes_its_figures_stale(copy: Path) -> None:
    """A parameter of the estimator makes the figures of that system stale; a comment or another p99 limit does not."""
    path = copy / "configs" / "california.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(f"# a comment\n{text}".replace("slo: {p99_ms: 10}", "slo: {p99_ms: 11}"), encoding="utf-8")
    assert stale_figures(copy) == []
    path.write_text(text.replace("test_size: 0.2", "test_size: 0.3"), encoding="utf-8")
    assert stale_figures(copy) == [
        "configs/california.yaml has changed since its figures were measured; run `make figures DATA_FOLDER=folder`",
        "docs/footprint.md measures a model that no longer ships; run `make footprint`",
    ]


@pytest.mark.parametrize(
    ("document", "old", "new"),
    [
        ("README.md", '"prediction":4', '"prediction":5'),
        ("docs/results.md", "39,209 USD", "39,208 USD"),
        ("docs/footprint.md", "MiB |", "MB |"),
    ],
)
def test_another_figure_in_a_document_is_found(copy: Path, document: str, old: str, new: str) -> None:
    """The line has the text that the document must contain."""
    path = copy / document
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    lines = stale_figures(copy)
    assert lines
    assert all(line.startswith(f"{document} does not say ") for line in lines)


def test_a_newer_measurement_is_found(copy: Path) -> None:
    """A model that answers otherwise makes README's answer stale."""
    ledger = json.loads((copy / LEDGER).read_text(encoding="utf-8"))
    ledger["readme_answer"] += 1.0
    (copy / LEDGER).write_text(json.dumps(ledger), encoding="utf-8")
    assert len(stale_figures(copy)) == 1


def test_the_request_of_readme_is_a_row_of_the_shipped_model() -> None:
    """README's first request has the fields of the default config."""
    assert readme_request()["ocean_proximity"] == "NEAR BAY"
    assert len(readme_request()) == 9
    assert len(config_sha256(ROOT / "configs" / "california.yaml")) == 64
