"""An outage of the registry: the last answer counts if its bundle is here and unchanged, and people are told."""

from __future__ import annotations

import json
from pathlib import Path

import bentoml.models
import pytest

from tabento.bundle.store import load_bundle
from tests.retries import AT_ONCE
from tests.training.mlflows import register, store_bundle
from training.__main__ import main
from training.config.settings import TrainingSettings
from training.registry import Registry
from training.registry.cached_answers import CachedAnswers

DOWN = "http://127.0.0.1:9"
"""An address at which nothing listens (the discard port)."""
OTHER = "http://127.0.0.1:7"


@pytest.fixture
def tag(registry: Registry, settings: TrainingSettings) -> str:
    """The tag of a champion, which the registry at ``DOWN`` named before it went down."""
    tag = store_bundle()
    register(registry, tag)
    registry.promote("orchard", 1, reason="first")
    CachedAnswers(DOWN).remember("orchard/production", registry.resolve("orchard"))
    return tag


def resolve(*words: str, uri: str = DOWN) -> int:
    """Ask for a model and return the exit code."""
    return main(["models", "resolve", *words, "--tracking-uri", uri])


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts to reach a registry follow each other at once."""

    monkeypatch.setattr("training.registry.catalogue.Catalogue.__init__.__kwdefaults__", {"retry": AT_ONCE})


@pytest.mark.parametrize("reference", ["orchard", "orchard@champion", "models:/orchard/Production"])
def test_the_last_answer_counts_during_an_outage(tag: str, reference: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every spelling of the name gives the tag alone on stdout, and a warning with its time on stderr."""
    assert resolve(reference, "--fetch") == 0
    out, err = capsys.readouterr()
    assert out == f"{tag}\n"
    assert "is resolved by the registry's last answer (2" in " ".join(err.replace("!", "").split())


def test_programs_get_json_and_the_warning_elsewhere(tag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json stdout stays one JSON value."""
    assert resolve("orchard", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"name": "orchard", "version": 1, "bundle": tag}


@pytest.mark.parametrize(
    ("words", "uri"), [(["orchard", "--online"], DOWN), (["orchard@challenger"], DOWN), (["orchard"], OTHER)]
)
def test_nothing_else_is_made_up(tag: str, words: list[str], uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the registry has to answer, was never asked, or is another one, the command fails."""
    assert resolve(*words, uri=uri) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "127.0.0.1" in err


def test_a_bundle_that_is_gone_or_another_is_not_served(tag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A last answer is worth nothing if the store does not have its very bundle."""
    manifest = load_bundle(tag).path / "MANIFEST.json"
    manifest.write_text(manifest.read_text() + " ")
    assert resolve("orchard", "--fetch") == 1
    bentoml.models.delete(tag)
    assert resolve("orchard", "--fetch") == 1
    assert capsys.readouterr().out == ""


def test_an_answer_is_remembered(tag: str, settings: TrainingSettings, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the registry answers is kept for the next outage."""
    assert main(["models", "resolve", "orchard/1", "--registry-folder", str(settings.registry_folder)]) == 0
    answer = CachedAnswers(Registry(settings).address).recall("orchard/1")
    assert answer is not None
    assert answer.bundle_tag == tag


def test_a_broken_or_unwritable_file_is_no_obstacle(tag: str, registry: Registry, tmp_path: Path) -> None:
    """The file is a help for outages: whatever is wrong with it, the registry's own answers go on."""
    path = tmp_path / "last.json"
    answers = CachedAnswers("here", path)
    for text in ("", "[]", '{"here": {"orchard@champion": {"name": 1}}}'):
        path.write_text(text)
        assert answers.recall("orchard") is None
    answers.remember("orchard", registry.resolve("orchard"))
    assert answers.recall("orchard") is not None
    blocked = CachedAnswers("here", path / "below" / "last.json")
    blocked.remember("orchard", registry.resolve("orchard"))
    assert blocked.recall("orchard") is None
