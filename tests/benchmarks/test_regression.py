"""The comparison of results finds what became worse, and does not compare different computers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.regression import FINE, NOTHING_COMPARED, WORSE, compare, main, read_measures, table

MACHINE = {"cpu": "A", "cores": 2, "system": "Linux x86_64", "python": "3.11.7"}


def write_results(folder: Path, tabento: float = 20_000.0, memory: float = 120.0, **machine: Any) -> Path:
    """Write the results of a run."""
    folder.mkdir()
    described_machine = {**MACHINE, **machine}
    side_by_side = {
        "machine": described_machine,
        "models": [{"model": "california", "servers": {"tabento": {"qps": tabento}, "constant": {"qps": 40_000.0}}}],
    }
    footprint = {
        "machine": described_machine,
        "model": "california:a",
        "ready_s": {"median": 1.0},
        "worker_rss_mib": {"median": memory},
        "serving_environment_mib": 180.0,
    }
    (folder / "side_by_side.json").write_text(json.dumps(side_by_side), encoding="utf-8")
    (folder / "footprint.json").write_text(json.dumps(footprint), encoding="utf-8")
    return folder


def add_start(folder: Path, ready_s: float = 0.9, memory: float = 115.0) -> Path:
    """Write the start of the server of images beside other results."""
    servers = {
        "bentoml serve": {"ready": {"median": 2.0}, "worker_rss": {"median": 150.0}},
        "image": {"ready": {"median": ready_s}, "worker_rss": {"median": memory}},
    }
    document = {"machine": MACHINE, "model": "california:a", "servers": servers}
    (folder / "start.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def verdicts(now: Path, *before: Path) -> dict[str, str]:
    """Return the verdict of each measure."""
    comparisons = compare(read_measures(now), [read_measures(folder) for folder in before])
    return {comparison.name: comparison.verdict for comparison in comparisons}


def test_equal_results_are_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The status is 0, and each measure has a row."""
    now, before = write_results(tmp_path / "now"), write_results(tmp_path / "before", tabento=20_400)
    assert main([str(now), str(before)]) == FINE
    assert capsys.readouterr().out.count("| same |") == 6


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"tabento": 15_000.0},
            {"california: requests/s of tabento": "worse", "california: rate against constant": "worse"},
        ),
        (
            {"tabento": 30_000.0},
            {"california: requests/s of tabento": "better", "california: rate against constant": "better"},
        ),
        ({"memory": 130.0}, {"california: MiB of a worker": "worse"}),
        ({"memory": 100.0}, {"california: MiB of a worker": "better"}),
    ],
)
def test_a_change_has_its_direction(tmp_path: Path, changes: dict[str, float], expected: dict[str, str]) -> None:
    """Fewer requests and more memory are worse; the other measures stay the same."""
    changed_verdicts = verdicts(write_results(tmp_path / "now", **changes), write_results(tmp_path / "before"))
    assert {name: verdict for name, verdict in changed_verdicts.items() if verdict != "same"} == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"ready_s": 1.3}, {"california: seconds until an image is ready": "worse"}),
        ({"memory": 130.0}, {"california: MiB of a worker of an image": "worse"}),
    ],
)
def test_the_server_of_images_is_watched(tmp_path: Path, changes: dict[str, float], expected: dict[str, str]) -> None:
    """Its start and its memory have rows of their own, beside those of BentoML's server."""
    now, before = (add_start(write_results(tmp_path / name)) for name in ("now", "before"))
    actual = verdicts(add_start(now, **changes), before)
    assert len(actual) == 8
    assert {name: verdict for name, verdict in actual.items() if verdict != "same"} == expected


def test_a_worse_measure_fails_and_is_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table in the summary begins with the reason, and the file has it too."""
    now, before = write_results(tmp_path / "now", memory=150.0), write_results(tmp_path / "before")
    path = tmp_path / "comparison.json"
    assert main([str(now), str(before), "--json", str(path)]) == WORSE
    assert (
        capsys.readouterr().out.splitlines()[2]
        == "| california: MiB of a worker | 120 | 150 | +25.0% | 5% | **worse** |"
    )
    assert "worse" in {row["verdict"] for row in json.loads(path.read_text(encoding="utf-8"))}


def test_one_slow_night_does_not_lower_the_bar(tmp_path: Path) -> None:
    """The median of the earlier runs counts, so a single outlier neither hides nor feigns a regression."""
    nights = [write_results(tmp_path / str(night), memory=memory) for night, memory in enumerate((120.0, 170.0, 121.0))]
    assert verdicts(write_results(tmp_path / "now", memory=140.0), *nights)["california: MiB of a worker"] == "worse"
    assert verdicts(write_results(tmp_path / "other", memory=122.0), *nights)["california: MiB of a worker"] == "same"


def test_another_computer_is_compared_by_ratios_only(tmp_path: Path) -> None:
    """A slower processor is no regression; a lower ratio to the reference is one."""
    before = write_results(tmp_path / "before", tabento=30_000.0)
    changed_verdicts = verdicts(write_results(tmp_path / "now", tabento=20_000.0, cpu="B"), before)
    assert changed_verdicts["california: requests/s of tabento"] == "new"
    assert changed_verdicts["california: rate against constant"] == "worse"
    assert changed_verdicts["california: MiB of the packages"] == "same"


def test_the_first_run_compares_nothing(tmp_path: Path) -> None:
    """The workflow tells the first run from one without a regression."""
    assert main([str(write_results(tmp_path / "now"))]) == NOTHING_COMPARED


@pytest.mark.parametrize("text", ["", "{}", '{"machine": {}, "models": []}'])
def test_damaged_results_are_named(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that a killed benchmark left behind is no result."""
    now = write_results(tmp_path / "now")
    (now / "side_by_side.json").write_text(text, encoding="utf-8")
    assert main([str(now)]) == WORSE
    assert "side_by_side.json" in capsys.readouterr().err


def test_a_folder_without_results_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A benchmark that did not run must not pass."""
    assert main([str(tmp_path)]) == WORSE
    assert "has no results" in capsys.readouterr().err


def test_the_published_results_can_be_read() -> None:
    """The files of this repository have the form that the comparison reads."""
    folder = Path(__file__).parents[2] / "benchmarks" / "results"
    measures = read_measures(folder)
    assert {"california: rate against constant", "california: MiB of a worker"} <= set(measures)
    assert "worse" not in table(compare(measures, [measures]))
