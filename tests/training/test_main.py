"""The command: what a person types, reads and gets as an exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bentoml
import pytest
import yaml

import training
from tests.conftest import ORCHARD
from tests.training.mlflows import mlflow_settings
from training import run
from training.__main__ import INTERRUPTED, main
from training.config import ConfigError
from training.installing import install_command


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no run write outside its test, and measure latency for a moment only."""
    monkeypatch.setenv("TABENTO_TRAINING_DATA_FOLDER", str(tmp_path / "data"))
    monkeypatch.setenv("TABENTO_TRAINING_RUNS_FOLDER", str(tmp_path / "runs"))
    monkeypatch.setenv("TABENTO_TRAINING_ARTIFACTS_FOLDER", str(tmp_path / "artifacts"))
    monkeypatch.setenv("TABENTO_TRAINING_LATENCY_BUDGET_S", "0.02")


ARGUMENTS = ["--config", str(ORCHARD), "--no-download"]


def test_train_ends_with_all_that_matters(
    model_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Metrics, parity, time, tags and places are printed, and written as JSON where that is asked for."""
    assert main(["train", *ARGUMENTS, "--json", str(tmp_path / "result.json")]) == 0
    out, err = capsys.readouterr()
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    for text in ("RMSE", "R²", "MAPE", "MAE", "Within 10%", "worst relative difference", "time", "Gate"):
        assert text in out
    for key in ("bundle", "pipeline", "bundle_folder", "report_folder"):
        assert result[key] in out
    assert "SYNTHETIC DATA" in err
    assert "SYNTHETIC" in out
    assert result["metrics"]["r2"] > 0.2
    assert Path(result["report_folder"]).parent == tmp_path / "runs" / "orchard"
    *_, figure, warning = out.splitlines()
    assert figure.startswith("  Within 10%"), "the figures come last"
    assert "SYNTHETIC" in warning
    assert str(tmp_path / "runs" / "orchard" / "index.html") in out
    assert (tmp_path / "runs" / "orchard" / "index.html").is_file()
    assert out.count("checks passed (") == 1, "the checks that passed are one line"


def test_ensure_prints_the_tag_alone(model_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stdout is one tag, the first time and the second; people read stderr."""
    assert main(["ensure", *ARGUMENTS]) == 0
    first, told = capsys.readouterr()
    assert first == f"{bentoml.models.get('orchard').tag}\n"
    assert "Fit the pipeline" in told
    assert main(["ensure", *ARGUMENTS]) == 0
    second, told = capsys.readouterr()
    assert second == first
    assert "is stored already" in told


def test_command_fits_a_shell(model_store: Path) -> None:
    """A process of its own, started as the Makefile starts it, has the tag alone on its stdout."""
    done = subprocess.run(
        [sys.executable, "-m", "training", "ensure", *ARGUMENTS],
        cwd=Path(training.__file__).parents[1],
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout == f"{bentoml.models.get('orchard').tag}\n"


def test_steps_run_alone_and_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stages by name leave their outputs, and end with a table that tells what was done."""
    steps = ["train", *ARGUMENTS, "--steps", "config,data,validate"]
    assert main(steps) == 0
    out, _ = capsys.readouterr()
    assert "[3/3] validate: Validate the data and set the test part aside" in out
    assert "600 rows to train, 200 to test" in out
    assert (tmp_path / "artifacts" / "orchard" / "validate" / "train.parquet").is_file()
    assert main(steps) == 0
    assert capsys.readouterr().out.count("unchanged since it last ran, skipped") == 3
    assert main([*steps, "--force"]) == 0
    assert "skipped" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "fly"], "--steps: expected all"),
        (["--steps", "fit"], "which the stage validate makes"),
        (["--force"], "--decisions and --force go with --steps"),
        (["--decisions", "sweep"], "--decisions and --force go with --steps"),
        (["--steps", "data", "--json", "result.json"], "--json writes what the stage register has stored"),
    ],
)
def test_steps_that_cannot_be_are_told(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Options that do not go together, and a stage without its inputs, end in words."""
    monkeypatch.chdir(tmp_path)
    assert main(["train", *ARGUMENTS, *options]) == 1
    assert message in capsys.readouterr().err


def test_data_only_looks(model_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The data's kind, source, checksum, rows and missing values are printed; nothing is trained."""
    assert main(["data", *ARGUMENTS]) == 0
    out, _ = capsys.readouterr()
    for text in ("synthetic, seed 3", "600 to train, 200 to test", "sha256", "slope", "soil"):
        assert text in out
    assert bentoml.models.list() == []


def test_data_without_missing_values_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing is missing, that is said."""
    text = ORCHARD.read_text(encoding="utf-8").replace(", missing: 0.2", "").replace(", missing: 0.1", "")
    (tmp_path / "orchard.yaml").write_text(text, encoding="utf-8")
    assert main(["data", "--config", str(tmp_path / "orchard.yaml"), "--no-download"]) == 0
    assert "none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "nowhere.yaml"], "there is no config nowhere.yaml"),
        (["--config", str(ORCHARD), "--data", "nowhere.csv"], "there is no file nowhere.csv"),
        ([*ARGUMENTS, "--no-allow-synthetic"], "expected real data"),
    ],
)
def test_error_is_one_message(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong is told in words on stderr, without a traceback, with exit code 1."""
    assert main(["train", *arguments]) == 1
    _, err = capsys.readouterr()
    assert err.rpartition("error: ")[2].startswith(message)
    assert "Traceback" not in err


def test_config_and_data_that_are_both_wrong_are_told_in_one_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The faults of the config with their lines, and behind them those of the file."""
    config = tmp_path / "one.yaml"
    config.write_text(
        "name: one\ntarget: {name: y, unit: kg}\nfeatures:\n  - {name: x, type: numbr}\n", encoding="utf-8"
    )
    rows = tmp_path / "one.csv"
    rows.write_text("x,y\n" + "".join(f"{row},{row}\n" for row in range(60)) + " ,7\n", encoding="utf-8")
    assert main(["data", "--config", str(config), "--data", str(rows)]) == 1
    told = capsys.readouterr().err
    assert "one.yaml:4: features.0.type: got 'numbr'" in told
    assert "x: expected a number; 1 value is not: ' ' in row 61" in told
    assert "- {name: x, type: number, nullable: true, missing: [' ']}" in told


def test_wrong_setting_is_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A variable that is no setting is told like any other error."""
    monkeypatch.setenv("TABENTO_TRAINING_LATENCY_BUDGET_S", "soon")
    assert main(["data", *ARGUMENTS]) == 1
    assert "TABENTO_TRAINING_LATENCY_BUDGET_S: got 'soon'" in capsys.readouterr().err


def test_json_file_that_cannot_be_written_is_told_before_the_work(
    model_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is not there is found out at once, not after training."""
    assert main(["train", *ARGUMENTS, "--json", str(tmp_path / "nowhere" / "result.json")]) == 1
    assert "--json" in capsys.readouterr().err
    assert bentoml.models.list() == []


@pytest.mark.parametrize("command", ["train", "ensure", "evaluate", "retrain"])
def test_missing_package_is_told_before_the_data_is_read(
    command: str, model_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An estimator whose library is not installed ends a run in one line, although the data is not even there."""
    monkeypatch.setattr("training.preflight.packages.find_spec", lambda name: None)
    config = yaml.safe_load(ORCHARD.read_text(encoding="utf-8")) | {"estimator": {"kind": "lightgbm"}}
    (tmp_path / "orchard.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    assert main([command, "--config", str(tmp_path / "orchard.yaml"), "--data", str(ORCHARD)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert "needs the package lightgbm, which is not installed. Run `" in line


def test_missing_module_is_told_with_a_command_that_works_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What training needs is installed by the command for this place; an own module that is missing is a defect."""

    def lacking(name: str) -> Callable[..., None]:
        def fail(*_: object) -> None:
            raise ModuleNotFoundError(name=name)

        return fail

    monkeypatch.setattr(run, "prepare", lacking("pandera.typing"))
    assert main(["data", *ARGUMENTS]) == 1
    assert "the module 'pandera.typing' is not installed, so data cannot run here" in (err := capsys.readouterr().err)
    assert install_command() in err
    monkeypatch.setattr(run, "prepare", lacking("training.nothing"))
    with pytest.raises(ModuleNotFoundError):
        main(["data", *ARGUMENTS])


def test_former_registry_moves_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first command that needs the registry says in one line on stderr that it moved."""
    former = mlflow_settings(tmp_path)
    (tmp_path / "runs").mkdir()
    (former.registry_folder / "mlflow.db").rename(tmp_path / "runs" / "mlflow.db")
    assert main(["models", "list", "--registry-folder", str(former.registry_folder)]) == 0
    assert "The registry moved from" in capsys.readouterr().err
    assert main(["models", "list", "--registry-folder", str(former.registry_folder)]) == 0
    assert capsys.readouterr().err == ""


def test_verbose_shows_the_traceback() -> None:
    """Who asks for it gets the exception itself."""
    with pytest.raises(ConfigError):
        main(["train", "--config", "nowhere.yaml", "--verbose"])


def test_help_is_quick() -> None:
    """Help and wrong usage import none of the libraries that take seconds."""
    code = (
        "import sys\nfrom training.__main__ import main\ntry:\n    main(['-h'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'sklearn', 'pandas', 'mlflow', 'bentoml', 'optuna', 'shap', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(training.__file__).parents[1], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_interrupted_run_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends with one line and the exit code that shells know."""

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "prepare", interrupt)
    assert main(["data", *ARGUMENTS]) == INTERRUPTED
    assert "stopped; a model that was not finished is not saved" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["train"], ["fly"], ["ensure", *ARGUMENTS, "--json", "x"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A missing or unknown command or option is an error of usage."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m training" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[name, "-h"] for name in ("data", "ensure", "evaluate", "import", "retrain", "train")]
)
def test_help_of_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Each command is listed and has a help of its own."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "--verbose" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["-h"], ["train", "-h"]])
def test_help_has_examples(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Help shows commands that can be copied."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "TAG=$(python -m training ensure --config configs/NAME.yaml)" in capsys.readouterr().out
