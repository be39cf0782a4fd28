"""The command line: arguments, output and exit codes."""

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
from training.__main__ import INTERRUPTED, main
from training.config import ConfigError
from training.installing import install_command
from training.stages import run


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use temporary folders for each test, and measure latency only briefly."""
    monkeypatch.setenv("TABENTO_TRAINING_DATA_FOLDER", str(tmp_path / "data"))
    monkeypatch.setenv("TABENTO_TRAINING_RUNS_FOLDER", str(tmp_path / "runs"))
    monkeypatch.setenv("TABENTO_TRAINING_ARTIFACTS_FOLDER", str(tmp_path / "artifacts"))
    monkeypatch.setenv("TABENTO_TRAINING_LATENCY_BUDGET_S", "0.02")


ARGUMENTS = ["--config", str(ORCHARD), "--no-download"]


def test_train_prints_its_results(model_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Metrics, parity, time, tags and folders are printed, and with --json written as JSON."""
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
    *_, metric, warning = out.splitlines()
    assert metric.startswith("  Within 10%"), "the metrics are last"
    assert "SYNTHETIC" in warning
    assert str(tmp_path / "runs" / "orchard" / "index.html") in out
    assert (tmp_path / "runs" / "orchard" / "index.html").is_file()
    assert out.count("checks passed (") == 1, "the checks that passed are one line"


@pytest.mark.slow
def test_ensure_prints_the_tag_alone(model_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stdout is one tag, in the first run and in the second; messages for users are on stderr."""
    assert main(["ensure", *ARGUMENTS]) == 0
    first, messages = capsys.readouterr()
    assert first == f"{bentoml.models.get('orchard').tag}\n"
    assert "Fit the pipeline" in messages
    assert main(["ensure", *ARGUMENTS]) == 0
    second, messages = capsys.readouterr()
    assert second == first
    assert "is stored already" in messages


@pytest.mark.slow
def test_command_works_in_a_shell(model_store: Path) -> None:
    """A process that is started as in the Makefile prints only the tag on stdout."""
    process = subprocess.run(
        [sys.executable, "-m", "training", "ensure", *ARGUMENTS],
        cwd=Path(training.__file__).parents[1],
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert process.stdout == f"{bentoml.models.get('orchard').tag}\n"


def test_stages_run_by_name_and_only_if_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Named stages write their outputs; a second run skips them, unless --force runs them again."""
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
def test_impossible_steps_are_refused(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Options that exclude each other, and a stage without its inputs, end in a message."""
    monkeypatch.chdir(tmp_path)
    assert main(["train", *ARGUMENTS, *options]) == 1
    assert message in capsys.readouterr().err


def test_data_trains_nothing(model_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The data's kind, source, checksum, rows and missing values are printed; nothing is trained."""
    assert main(["data", *ARGUMENTS]) == 0
    out, _ = capsys.readouterr()
    for text in ("synthetic, seed 3", "600 to train, 200 to test", "sha256", "slope", "soil"):
        assert text in out
    assert bentoml.models.list() == []


def test_data_without_missing_values_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If no value is missing, the table contains the word none."""
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
    """An error is one message on stderr, without a traceback, with exit code 1."""
    assert main(["train", *arguments]) == 1
    _, err = capsys.readouterr()
    assert err.rpartition("error: ")[2].startswith(message)
    assert "Traceback" not in err


def test_errors_of_config_and_data_are_reported_in_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One run reports the errors of the config with their lines, and then the errors of the data."""
    config = tmp_path / "one.yaml"
    config.write_text(
        "name: one\ntarget: {name: y, unit: kg}\nfeatures:\n  - {name: x, type: numbr}\n", encoding="utf-8"
    )
    rows = tmp_path / "one.csv"
    rows.write_text("x,y\n" + "".join(f"{row},{row}\n" for row in range(60)) + " ,7\n", encoding="utf-8")
    assert main(["data", "--config", str(config), "--data", str(rows)]) == 1
    messages = capsys.readouterr().err
    assert "one.yaml:4: features.0.type: got 'numbr'" in messages
    assert "x: expected a number; 1 value is not: ' ' in row 61" in messages
    assert "- {name: x, type: number, nullable: true, missing: [' ']}" in messages


def test_wrong_setting_is_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A variable that is not a valid setting is reported like any other error."""
    monkeypatch.setenv("TABENTO_TRAINING_LATENCY_BUDGET_S", "soon")
    assert main(["data", *ARGUMENTS]) == 1
    assert "TABENTO_TRAINING_LATENCY_BUDGET_S: got 'soon'" in capsys.readouterr().err


def test_json_file_that_cannot_be_written_is_reported_before_the_work(
    model_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing folder of the --json file is reported before training."""
    assert main(["train", *ARGUMENTS, "--json", str(tmp_path / "nowhere" / "result.json")]) == 1
    assert "--json" in capsys.readouterr().err
    assert bentoml.models.list() == []


@pytest.mark.parametrize("command", ["train", "ensure", "evaluate", "retrain"])
def test_missing_package_is_reported_before_the_data_is_read(
    command: str, model_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the library of an estimator is not installed, the run ends with one line before it reads the data."""
    monkeypatch.setattr("training.commands.preflight.packages.find_spec", lambda name: None)
    config = yaml.safe_load(ORCHARD.read_text(encoding="utf-8")) | {"estimator": {"kind": "lightgbm"}}
    (tmp_path / "orchard.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    assert main([command, "--config", str(tmp_path / "orchard.yaml"), "--data", str(ORCHARD)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert "needs the package lightgbm, which is not installed. Run `" in line


def test_missing_module_is_reported_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message has the command that installs the packages in this environment; a missing module of Tabento is a defect."""

    def failing_import(name: str) -> Callable[..., None]:
        def fail(*_: object) -> None:
            raise ModuleNotFoundError(name=name)

        return fail

    monkeypatch.setattr(run, "prepare", failing_import("pandera.typing"))
    assert main(["data", *ARGUMENTS]) == 1
    assert "the module 'pandera.typing' is not installed, so data cannot run here" in (err := capsys.readouterr().err)
    assert install_command() in err
    monkeypatch.setattr(run, "prepare", failing_import("training.nothing"))
    with pytest.raises(ModuleNotFoundError):
        main(["data", *ARGUMENTS])


def test_move_of_an_old_registry_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first command that needs the registry prints one line on stderr that it moved."""
    old_settings = mlflow_settings(tmp_path)
    (tmp_path / "runs").mkdir()
    (old_settings.registry_folder / "mlflow.db").rename(tmp_path / "runs" / "mlflow.db")
    assert main(["models", "list", "--registry-folder", str(old_settings.registry_folder)]) == 0
    assert "The registry moved from" in capsys.readouterr().err
    assert main(["models", "list", "--registry-folder", str(old_settings.registry_folder)]) == 0
    assert capsys.readouterr().err == ""


def test_verbose_shows_the_traceback() -> None:
    """With --verbose the exception itself is raised."""
    with pytest.raises(ConfigError):
        main(["train", "--config", "nowhere.yaml", "--verbose"])


def test_help_is_quick() -> None:
    """Help imports none of the libraries that take seconds."""
    code = (
        "import sys\nfrom training.__main__ import main\ntry:\n    main(['-h'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'sklearn', 'pandas', 'mlflow', 'bentoml', 'optuna', 'shap', 'matplotlib'} & set(sys.modules)))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(training.__file__).parents[1], capture_output=True, text=True, check=True
    )
    assert process.stdout.splitlines()[-1] == "[]"


def test_interrupted_run_ends_with_a_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C ends a run with one line and the exit code 130."""

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "prepare", interrupt)
    assert main(["data", *ARGUMENTS]) == INTERRUPTED
    assert "stopped; a model that was not finished is not saved" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["train"], ["fly"], ["ensure", *ARGUMENTS, "--json", "x"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A missing or unknown command or option is an error of usage."""
    with pytest.raises(SystemExit) as exit_info:
        main(arguments)
    assert exit_info.value.code == 2
    assert "Usage: python -m training" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[name, "-h"] for name in ("data", "ensure", "evaluate", "import", "retrain", "train")]
)
def test_help_of_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Each command has a help of its own."""
    with pytest.raises(SystemExit) as exit_info:
        main(arguments)
    assert exit_info.value.code == 0
    assert "--verbose" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["-h"], ["train", "-h"]])
def test_help_has_examples(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Help shows examples of commands."""
    with pytest.raises(SystemExit) as exit_info:
        main(arguments)
    assert exit_info.value.code == 0
    assert "TAG=$(python -m training ensure --config configs/NAME.yaml)" in capsys.readouterr().out
