"""The command: a short run from its arguments to its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.zoo.__main__ import main
from benchmarks.zoo.report import document
from benchmarks.zoo.results import Result

NAME = "StandardScaler → Ridge [outputs]"


def test_run_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the table to stdout and progress to stderr, and writes results and document that agree."""
    assert (
        main(["--rows", "300", "--only", NAME, "--json", str(tmp_path / "z.json"), "--docs", str(tmp_path / "zoo.md")])
        == 0
    )
    printed = capsys.readouterr()
    assert "| linear | StandardScaler → Ridge | outputs |" in printed.out
    assert f"[1/1] {NAME}: worst" in printed.err
    content = json.loads((tmp_path / "z.json").read_text(encoding="utf-8"))
    assert content["machine"]["versions"]["skl2onnx"]
    (result,) = [Result.model_validate(result) for result in content["results"]]
    assert (tmp_path / "zoo.md").read_text(encoding="utf-8") == document([result], [], content["machine"])


def test_a_refusal_does_not_fail_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    """A refused pipeline is a line of the table; only a failed proof makes the run fail."""
    code = main(["--rows", "300", "--only", NAME, "Lasso [regression]"])
    assert code == 0
    assert capsys.readouterr().out.count("\n| linear |") == 3


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """The command lists members without a run."""
    assert main(["--list", "--only", "kernels"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(line.startswith("kernels") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "zebra"], "'zebra'"),
        (["--rows", "99"], "--rows: expected at least 100, got 99"),
        (["--jobs", "0"], "--jobs: expected at least 1, got 0"),
        (["--rows", "300", "--only", NAME, "--data", "none.csv"], "none.csv"),
    ],
)
def test_wrong_arguments_are_reported(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong argument gives a sentence on stderr and no traceback."""
    assert main(arguments) == 1
    assert message in capsys.readouterr().err
