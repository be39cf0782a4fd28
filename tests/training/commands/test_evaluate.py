"""``tabento evaluate``: what a person types, reads and finds in the folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.training.orchards import orchard_config
from training.__main__ import main


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """Return the file of a config with a quick evaluation."""
    config = orchard_config(
        evaluation={"folds": 2, "repeats": 1, "also_with": ()},
        estimator={"kind": "decision_tree", "params": {"max_depth": 3}},
    )
    file = tmp_path / "orchard.yaml"
    file.write_text(yaml.safe_dump(json.loads(config.model_dump_json())), encoding="utf-8")
    return file


def test_figures_are_shown_and_written(config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table has means and intervals, and the folder of runs gets the three files and the page that leads to them."""
    words = ["evaluate", "--config", str(config_file), "--data", "synthetic", "--runs-folder", str(tmp_path / "runs")]
    assert main([*words, "--jobs", "1"]) == 0
    out, err = capsys.readouterr()
    for text in ("as configured", "2 folds × 1 over 800 rows", "RMSE (kg)", "95% interval", "pooled"):
        assert text in out
    assert "SYNTHETIC" in err
    folder = tmp_path / "runs" / "orchard" / "evaluation"
    assert sorted(file.name for file in folder.iterdir()) == ["evaluation.json", "evaluation.md", "evaluation.png"]
    assert sorted(file.name for file in folder.parent.iterdir()) == ["evaluation", "index.html"]
    assert json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))["data"].startswith("synthetic, ")


def test_decisions_can_come_from_a_file(config_file: Path, tmp_path: Path) -> None:
    """What a sweep has written is fitted instead of what the config says."""
    decisions = orchard_config().decisions().model_copy(update={"columns": ("age", "height")})
    decisions_file = tmp_path / "best_params.yaml"
    decisions_file.write_text(yaml.safe_dump(decisions.model_dump(mode="json")), encoding="utf-8")
    words = ["evaluate", "--config", str(config_file), "--data", "synthetic", "--decisions", str(decisions_file)]
    assert main([*words, "--report-folder", str(tmp_path / "report"), "--jobs", "1"]) == 0
    report = json.loads((tmp_path / "report" / "evaluation.json").read_text(encoding="utf-8"))
    assert report["variants"][0]["columns"] == ["age", "height"]


def test_file_without_decisions_is_told(config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the file and the missing key."""
    (tmp_path / "empty.yaml").write_text("rmse: 3\n", encoding="utf-8")
    words = ["evaluate", "--config", str(config_file), "--data", "synthetic"]
    assert main([*words, "--decisions", str(tmp_path / "empty.yaml")]) == 1
    err = capsys.readouterr().err
    assert "does not hold decisions" in err
    assert "estimator: missing" in err


def test_failed_evaluation_leaves_an_older_report_whole(
    config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """When a fit fails the folder has what it had before, and no half-written neighbour stays."""
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "evaluation.md").write_text("older", encoding="utf-8")
    wrong = yaml.safe_load(config_file.read_text(encoding="utf-8"))
    wrong["estimator"]["params"] = {"max_depth": -3}
    config_file.write_text(yaml.safe_dump(wrong), encoding="utf-8")
    words = ["evaluate", "--config", str(config_file), "--data", "synthetic", "--report-folder", str(folder)]
    assert main([*words, "--jobs", "1"]) == 1
    assert "max_depth" in capsys.readouterr().err
    assert (folder / "evaluation.md").read_text(encoding="utf-8") == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orchard.yaml", "report"]


def test_folder_that_cannot_be_written_is_told(
    config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in the place of the folder is named, with the way out."""
    (tmp_path / "report").write_text("a file", encoding="utf-8")
    words = ["evaluate", "--config", str(config_file), "--data", "synthetic", "--jobs", "1"]
    assert main([*words, "--report-folder", str(tmp_path / "report")]) == 1
    assert "--report-folder" in capsys.readouterr().err
