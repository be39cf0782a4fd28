"""The tables of docs/capacity.md follow from the figures, and each example is a command line that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.capacity.day import FIGURES
from benchmarks.capacity.figures import read_figures, write_figures
from benchmarks.capacity.guide import EXAMPLES, Example, answer_example, examples_table, load_table
from benchmarks.process import ROOT
from tests.benchmarks.capacity.service_figures import service_figures


@pytest.fixture
def figures_path(tmp_path: Path) -> Path:
    """Return a file with the figures of a service that holds 40,000 requests a second."""
    write_figures(service_figures(rate_per_s=40_000.0), tmp_path / "figures.json")
    return tmp_path / "figures.json"


def test_every_example_has_an_answer(figures_path: Path) -> None:
    """The options of each example are options of the command."""
    for example in EXAMPLES:
        plan, _ = answer_example(example, figures_path)
        assert plan.replicas >= 1


def test_the_table_has_the_answers(figures_path: Path) -> None:
    """A row has the number of replicas; a burst beyond them has four rows, a burst within them has none."""
    examples = (
        Example("calm", "--rate 1000 --burst 2x --budget 100 --cores 0.5"),
        Example("bursting", "--rate 10000 --burst 30x"),
    )
    table = examples_table(figures_path, examples)
    assert "| calm | `--rate 1000 --burst 2x --budget 100 --cores 0.5` | **3** | 1 · 1 · 1 · 1 | 5.0% |" in table
    assert "| 1,096; within 100 if a core costs at most 0.091 an hour" in table
    assert table.count("| bursting |") == 5
    assert table.count("| calm |") == 1


def test_the_load_points_are_listed() -> None:
    """Each measured point and the overload have a row."""
    table = load_table(service_figures())
    assert "| 50% | 500 | 50% | 1,000 µs | 1.00 ms | 5.00 ms | 0.25 ms | 0.0 | 0.0 µs | 100.0% |" in table
    assert "| 200% | 2,000 | 100% | 500 µs | 20.00 ms | 40.00 ms | 30.00 ms | 0.0 | 0.0 µs | 40.0% |" in table


@pytest.mark.skipif(not FIGURES.is_file(), reason="`make capacity` was not run in this checkout")
def test_the_document_has_the_stored_figures() -> None:
    """docs/capacity.md has the tables of the stored measurement, and bursts under the present manifests of deploy/kubernetes."""
    text = (ROOT / "docs" / "capacity.md").read_text(encoding="utf-8")
    remedy = "run `make capacity-day`"
    assert load_table(read_figures(FIGURES)) in text, remedy
    assert examples_table(FIGURES) in text, remedy
