"""The weekly workflow: when it runs, what it may do, and that what it calls is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.training.commands.parsing import parse_command
from training.config.settings import ENV_PREFIX, TrainingSettings

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    """The parsed workflow."""
    text = (ROOT / ".github" / "workflows" / "retrain.yml").read_text(encoding="utf-8")
    parsed: dict[Any, Any] = yaml.safe_load(text)
    return parsed


def script(workflow: dict[Any, Any]) -> str:
    """Return what the step that retrains runs."""
    (step,) = [step for step in workflow["jobs"]["retrain"]["steps"] if step.get("name") == "Retrain"]
    return str(step["run"])


def test_it_runs_on_sundays_at_two_and_by_hand(workflow: dict[Any, Any]) -> None:
    """YAML reads the key ``on`` as true."""
    triggers = workflow[True]
    assert set(triggers) == {"schedule", "workflow_dispatch"}
    assert triggers["schedule"] == [{"cron": "0 2 * * 0"}]
    assert set(triggers["workflow_dispatch"]["inputs"]) == {"model", "if_drift"}


def test_it_may_only_read(workflow: dict[Any, Any]) -> None:
    """Least privileges, one at a time, with an end."""
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["group"] == "retrain"
    job = workflow["jobs"]["retrain"]
    assert job["permissions"] == {"contents": "read"}
    assert job["timeout-minutes"] <= 60


def test_it_knows_every_system(workflow: dict[Any, Any]) -> None:
    """The matrix and the choice by hand are the configs that are there."""
    systems = {path.stem for path in (ROOT / "configs").glob("*.yaml")} - {"serving"}
    matrix = workflow["jobs"]["retrain"]["strategy"]["matrix"]["model"]
    listed = re.search(r"'(\[[^']*\])' *\)", matrix)
    assert listed is not None
    assert set(yaml.safe_load(listed[1])) >= systems
    assert set(workflow[True]["workflow_dispatch"]["inputs"]["model"]["options"]) == {*yaml.safe_load(listed[1]), "all"}


def test_settings_and_options_exist(workflow: dict[Any, Any]) -> None:
    """A misspelt variable would stop the run; a misspelt option, too."""
    environment = workflow["jobs"]["retrain"]["env"]
    settings = {name for name in environment if name.startswith(ENV_PREFIX)}
    assert settings <= {ENV_PREFIX + name.upper() for name in TrainingSettings.model_fields}
    options = re.findall(r"--[a-z-]+", f"{environment['CONDITIONS']} {script(workflow)}")
    words = ["retrain", "--config", "x.yaml", *(option for option in options if option != "--config")]
    values = parse_command(words).params
    assert (values["if_drift"], values["if_changed"]) == (True, True)


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (3, 0), (1, 1), (2, 1)])
def test_job_is_red_only_where_something_is_wrong(
    workflow: dict[Any, Any], tmp_path: Path, code: int, expected: int
) -> None:
    """Nothing to do is no failure; the report reaches the summary in every case."""
    command = tmp_path / ".venv" / "bin" / "tabento"
    command.parent.mkdir(parents=True)
    command.write_text(
        '#!/bin/bash\necho "$@" > given\nmkdir -p .retrain/runs/trees/retrain/1\n'
        f'echo "# Report" > .retrain/runs/trees/retrain/1/retrain.md\nexit {code}\n',
        encoding="utf-8",
    )
    command.chmod(0o755)
    # As GitHub runs a step.
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script(workflow)],
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "MODEL": "trees",
            "CONDITIONS": "--if-drift",
            "GITHUB_STEP_SUMMARY": "summary.md",
        },
        check=False,
    )
    assert done.returncode == expected
    assert (tmp_path / "given").read_text(encoding="utf-8") == "retrain --config configs/trees.yaml --if-drift\n"
    assert (tmp_path / "summary.md").read_text(encoding="utf-8") == "# Report\n"
