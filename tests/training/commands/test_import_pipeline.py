"""``import`` on the command line: what a person types, reads and gets as an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bentoml
import pytest

from tabento.adopt.errors import AdoptionError
from tests.tabento.adopt.makers import (
    TREE_TYPES,
    save_joblib,
    save_skops,
    stone_pipeline,
    stones,
    write_csv,
)
from training.__main__ import main, program_name

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure latency for a moment only."""
    monkeypatch.setenv("TABENTO_TRAINING_LATENCY_BUDGET_S", "0.02")


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """What is typed for the stones, without consent to anything."""
    frame = write_csv(stones(), tmp_path / "rows.csv")
    path = save_skops(stone_pipeline(frame), tmp_path / "stones.skops")
    config = str(tmp_path / "stones.yaml")
    return ["import", "--pipeline", str(path), "--sample", str(tmp_path / "rows.csv"), "--config", config]


def trusting(arguments: list[str]) -> list[str]:
    """The same with consent."""
    return [*arguments, *(part for name in TREE_TYPES for part in ("--trust", name))]


def test_import_ends_with_all_that_matters(
    model_store: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures, places, what to know, and the command that serves it."""
    assert main([*trusting(arguments), "--target", "kind", "--name", "rocks", "--p99-ms", "7"]) == 0
    out, _ = capsys.readouterr()
    tag = str(bentoml.models.get("rocks").tag)
    for text in ("Accuracy", "Log loss", "worst relative difference", "one row", "written"):
        assert text in out
    assert f"bentoml serve service:Tabento --arg model={tag}" in out
    assert "trusted because you said so: sklearn.tree._tree.Tree" in out
    assert "p99_ms: 7.0" in Path(arguments[-1]).read_text(encoding="utf-8")


def test_without_target_there_are_no_figures(
    model_store: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The sample has the truth, but nobody said so: its column is left out, and that is told."""
    assert main(trusting(arguments)) == 0
    out = capsys.readouterr().out
    assert "does not take it: 'kind'. If it holds the true answers, say --target NAME" in " ".join(out.split())
    assert "on the 300 rows of the sample" not in out


def test_refusal_is_one_message(model_store: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Without a traceback, with exit code 1, and nothing is stored or written."""
    assert main([*arguments, "--target", "kind"]) == 1
    out, err = capsys.readouterr()
    assert err.startswith("error: stones.skops would create 1 type")
    assert "Traceback" not in out + err
    assert bentoml.models.list() == []
    assert not Path(arguments[-1]).exists()


def test_pickle_is_refused_until_trusted(
    model_store: Path, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The flag's name is the consent."""
    arguments[2] = str(save_joblib(stone_pipeline(stones()), tmp_path / "stones.joblib"))
    assert main([*arguments, "--target", "kind"]) == 1
    assert "--i-trust-this-file" in capsys.readouterr().err
    assert main([*arguments, "--target", "kind", "--i-trust-this-file"]) == 0


def test_verbose_raises(model_store: Path, arguments: list[str]) -> None:
    """Who asks for it gets the exception itself."""
    with pytest.raises(AdoptionError):
        main([*arguments, "--target", "kind", "--verbose"])


@pytest.mark.parametrize("missing", ["--pipeline", "--sample", "--config"])
def test_wrong_usage_exits_with_2(missing: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Three options are needed."""
    place = arguments.index(missing)
    with pytest.raises(SystemExit) as exit_info:
        main(arguments[:place] + arguments[place + 2 :])
    assert exit_info.value.code == 2
    assert missing in capsys.readouterr().err


def test_installed_command_goes_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Usage shows what was typed."""
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/tabento"])
    assert program_name() == "tabento"
    monkeypatch.setattr(sys, "argv", ["/somewhere/training/__main__.py"])
    assert program_name() == "python -m training"


def test_help_explains_the_danger(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anybody uses the flag."""
    with pytest.raises(SystemExit):
        main(["import", "-h"])
    assert "can run any program while it is" in " ".join(capsys.readouterr().out.split())


def test_help_needs_none_of_the_training_libraries(tmp_path: Path) -> None:
    """If only the serving group is installed, help works, and a command names the missing package."""
    blocker = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('pandas', 'sklearn', 'onnx', 'skops', 'joblib'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
    )
    (tmp_path / "sitecustomize.py").write_text(blocker, encoding="utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "training", *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=300,
        )

    assert run("import", "-h").returncode == 0
    done = run("import", "--pipeline", "a", "--sample", "b", "--config", "c")
    assert done.returncode == 1
    assert "is not installed, so import cannot run here" in done.stderr
    assert "make setup" in done.stderr
    assert "Traceback" not in done.stderr
