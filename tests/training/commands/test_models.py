"""``tabento models``: what a person types, reads and gets as an exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bentoml.models
import pytest

from tests.training.mlflows import register, store_bundle
from training.__main__ import main
from training.config.settings import TrainingSettings
from training.registry import Registry


@pytest.fixture
def folder(settings: TrainingSettings, registry: Registry) -> str:
    """The folder of a registry with two versions, of which the first is champion."""
    register(registry, store_bundle(), rmse=2.0, r2=0.5)
    registry.promote("orchard", 1, user="Ada", reason="the first")
    register(registry, store_bundle(), rmse=1.0, r2=0.4)
    return str(settings.registry_folder)


def json_answer(capsys: pytest.CaptureFixture[str], folder: str, *words: str) -> Any:
    """Run a command with --json and return what it printed."""
    assert main(["models", *words, "--json", "--registry-folder", folder]) == 0
    return json.loads(capsys.readouterr().out)


def printed(capsys: pytest.CaptureFixture[str], folder: str, *words: str) -> str:
    """Run a command and return what people read."""
    assert main(["models", *words, "--registry-folder", folder]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_life_of_a_version(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """List, compare, promote, resolve and roll back, as docs/registry.md tells it."""
    assert json_answer(capsys, folder, "list") == [{"name": "orchard", "champion": 1, "challenger": 2, "versions": 2}]
    assert [version["stage"] for version in json_answer(capsys, folder, "list", "orchard")] == ["staging", "production"]
    assert json_answer(capsys, folder, "best", "orchard", "--metric", "r2")["version"] == 1
    compared = json_answer(capsys, folder, "compare", "orchard", "champion", "challenger")
    assert compared["metrics"]["rmse"]["better"] == "second"
    changed = json_answer(capsys, folder, "promote", "orchard", "challenger", "--why", "better", "--who", "Bob")
    assert (changed["champion"], changed["previous_version"]) == (2, 1)
    assert json_answer(capsys, folder, "resolve", "orchard@champion")["bundle"] == changed["bundle"]
    back = json_answer(capsys, folder, "rollback", "orchard", "--why", "complaints", "--who", "Bob")
    assert (back["champion"], back["previous_version"]) == (1, 2)
    events = json_answer(capsys, folder, "history", "orchard")
    assert [(event["who"], event["action"], event["after"]) for event in events] == [
        ("Ada", "promote", 1),
        ("Bob", "promote", 2),
        ("Bob", "rollback", 1),
    ]


def test_tables_for_people(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Names, figures and verdicts are there, with the metrics called as people call them."""
    assert "orchard" in printed(capsys, folder, "list")
    listed = printed(capsys, folder, "list", "orchard", "--sort", "rmse")
    assert listed.index("staging") < listed.index("production")
    assert "RMSE" in listed
    text_of_version = printed(capsys, folder, "show", "orchard", "champion")
    for text in ("orchard/1", "production", "algorithm", "ridge", "\n# Orchard", "R²"):
        assert text in text_of_version
    assert "RMSE is 1" in printed(capsys, folder, "best", "orchard", "--metric", "rmse")
    compared = printed(capsys, folder, "compare", "orchard", "1", "2")
    assert "orchard/2" in compared
    assert "features added" in compared
    assert "by Ada: the first" in printed(capsys, folder, "history", "orchard")
    assert "orchard/2 is the champion now" in printed(capsys, folder, "promote", "orchard", "2", "--why", "better")


def test_conditions_and_order(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--where excludes versions, --sort puts the best first; a message reports that no version is left."""
    assert [
        version["version"] for version in json_answer(capsys, folder, "list", "orchard", "--where", "rmse<1.5")
    ] == [2]
    assert [version["version"] for version in json_answer(capsys, folder, "list", "orchard", "--sort", "r2")] == [1, 2]
    assert "no version of orchard meets rmse<0" in printed(capsys, folder, "list", "orchard", "--where", "rmse<0")


def test_resolve_prints_the_tag_alone(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its output goes into another command; --fetch brings the bundle here first."""
    tag = printed(capsys, folder, "resolve", "orchard@champion").strip()
    bentoml.models.delete(tag)
    assert printed(capsys, folder, "resolve", "orchard/production", "--fetch") == f"{tag}\n"
    assert str(bentoml.models.get(tag).tag) == tag


def test_errors_end_with_1_and_say_what_there_is(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown names, versions and metrics are no tracebacks."""
    for words, text in (
        (["list", "pears"], "there is orchard"),
        (["show", "orchard", "9"], "no version 9; there is 2, 1"),
        (["best", "orchard", "--metric", "f1"], "there are r2, rmse"),
        (["resolve", "orchard@blue"], "its aliases: challenger, champion. Name a version by its number"),
        (["promote", "orchard", "1", "--why", "again"], "champion already"),
    ):
        assert main(["models", *words, "--registry-folder", folder]) == 1
        assert text in capsys.readouterr().err


def test_empty_registry_says_so(settings: TrainingSettings, capsys: pytest.CaptureFixture[str]) -> None:
    """Before the first training there is nothing, and that is no error."""
    assert "no model is registered yet" in printed(capsys, str(settings.registry_folder), "list")


def test_model_without_champion_has_no_history(
    settings: TrainingSettings, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    """The way to a first champion is told."""
    register(registry, store_bundle())
    assert "tabento models promote" in printed(capsys, str(settings.registry_folder), "history", "orchard")


def test_ab_needs_no_registry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two files give a verdict, in words and as JSON."""
    files = []
    for name, successes in (("a", 800), ("b", 900)):
        files.append(str(tmp_path / f"{name}.json"))
        arm = {"name": name, "requests": 1000, "successes": successes, "latencies_ms": [1.0, 2.0]}
        Path(files[-1]).write_text(json.dumps(arm), encoding="utf-8")
    assert "adopt_b" in printed(capsys, str(tmp_path / "none"), "ab", *files)
    assert json_answer(capsys, str(tmp_path / "none"), "ab", *files)["verdict"] == "adopt_b"
    assert not (tmp_path / "none").exists()
