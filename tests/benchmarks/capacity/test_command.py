"""``tabento capacity`` answers from a former measurement as well, and refuses values before it measures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.capacity import measure
from benchmarks.capacity.demand import DemandError
from benchmarks.capacity.figures import write_figures
from benchmarks.process import BenchmarkError
from tests.benchmarks.capacity.service_figures import service_figures
from training.__main__ import main


@pytest.fixture
def file_words(tmp_path: Path) -> list[str]:
    """Return the words that name a file of figures."""
    write_figures(service_figures(), tmp_path / "figures.json")
    return ["capacity", "--measured", str(tmp_path / "figures.json")]


def test_an_answer_from_a_file(file_words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The figures of a file are computed with, without a measurement."""
    assert main([*file_words, "--rate", "1400", "--slo", "p99=100ms"]) == 0
    assert "4 replicas of 1 core" in capsys.readouterr().out


def test_json_of_a_burst(file_words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A burst beyond the replicas is simulated; the JSON has its course and the inputs."""
    assert main([*file_words, "--rate", "60000/min", "--burst", "10x", "--node", "60s", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["demand"]["rate_per_s"] == 1_000
    assert content["replicas_for"]["burst"] == 10
    assert len(content["burst_answers"]) == 4


def test_users_in_place_of_a_rate(file_words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """100 users who think for a second, and wait for 1 ms and for 5 ms of network, send nearly 100 requests a second."""
    assert main([*file_words, "--users", "100", "--think", "1s", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["demand"]["rate_per_s"] == pytest.approx(100 / 1.006)


@pytest.mark.parametrize("words", [[], ["--rate", "1", "--users", "1"], ["--rate", "1", "orchard"]])
def test_wrong_usage(file_words: list[str], words: list[str]) -> None:
    """A rate or users, and a model or a file, must be given, and not both."""
    with pytest.raises(SystemExit) as error:
        main([*file_words, *words])
    assert error.value.code == 2


@pytest.mark.parametrize("words", [["--slo", "p99=4ms"], ["--availability", "100"], ["--load", "0"], ["--cores", "2"]])
def test_values_are_checked_before_the_measurement(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """A promise shorter than the network's time and other impossible values end the command with status 1, unmeasured."""
    monkeypatch.setattr(measure, "measure_service", None)
    assert main(["capacity", "orchard", "--rate", "1", *words]) == 1
    assert "error: expected" in capsys.readouterr().err


def test_a_measurement_is_saved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service is measured within the promise less the network's time, and the figures are written to the file."""
    promises = []

    def measure_service(model: str, slo: object, rows_each: int, *, quick: bool) -> object:
        promises.append((model, str(slo), rows_each, quick))
        return service_figures(rows_each=rows_each)

    monkeypatch.setattr(measure, "measure_service", measure_service)
    path = tmp_path / "saved.json"
    words = ["capacity", "orchard", "--rate", "1", "--rows", "10", "--quick", "--save", str(path)]
    assert main(words) == 0
    assert promises == [("orchard", "p99 <= 95 ms", 10, True)]
    saved_text = capsys.readouterr().out
    assert main(["capacity", "--measured", str(path), "--rate", "1", "--rows", "10"]) == 0
    assert capsys.readouterr().out == saved_text


def test_a_failed_measurement(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The reason is one line, and the status is 1."""

    def measure_service(*_: object, **__: object) -> None:
        raise BenchmarkError("the machine is not quiet")

    monkeypatch.setattr(measure, "measure_service", measure_service)
    assert main(["capacity", "orchard", "--rate", "1"]) == 1
    assert capsys.readouterr().err == "error: the machine is not quiet\n"


def test_a_place_that_cannot_keep_figures_is_refused_before_the_measurement(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A measurement takes two minutes, and would be lost if its file could not be written."""
    monkeypatch.setattr(measure, "measure_service", None)
    path = tmp_path / "missing" / "figures.json"
    assert main(["capacity", "orchard", "--rate", "1", "--save", str(path)]) == 1
    assert f"{path.parent} does not exist" in capsys.readouterr().err


def test_figures_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    """The message names the file, for instance a folder."""
    with pytest.raises(DemandError, match=f"{tmp_path} cannot be written: Is a directory"):
        write_figures(service_figures(), tmp_path)
