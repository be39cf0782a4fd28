"""The documents are complete: they contain each setting, each config key and each make target, and their links exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from serving.settings import ServingSettings
from tabento.bundle.contract import Output
from training.config import ClassLabel, Column, Decisions, Draw, Limit, Member, ModelConfig, Range, Stratify
from training.config.settings import ENV_PREFIX, TrainingSettings

ROOT = Path(__file__).parents[1]


def models_within(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in a type, and the models in the fields of these models."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_within(field.annotation)
    for part in get_args(annotation):
        yield from models_within(part)


def words_within(annotation: Any) -> Iterator[str]:
    """Yield the words that a type allows."""
    if get_origin(annotation) is Literal:
        yield from (word for word in get_args(annotation) if isinstance(word, str))
    else:
        for part in get_args(annotation):
            yield from words_within(part)


CONFIG_MODELS: tuple[type[BaseModel], ...] = tuple(
    dict.fromkeys(model for root in (ModelConfig, Decisions, Output, ServingSettings) for model in models_within(root))
)


def test_every_variable_of_training_is_documented() -> None:
    """docs/configs.md names the environment variable of each setting of a run."""
    text = (ROOT / "docs" / "configs.md").read_text(encoding="utf-8")
    assert not [name for name in TrainingSettings.model_fields if f"`{ENV_PREFIX}{name.upper()}`" not in text]


@pytest.mark.parametrize("model", CONFIG_MODELS, ids=lambda model: model.__name__)
def test_every_key_is_documented(model: type[BaseModel]) -> None:
    """docs/configs.md names each key of a config, and each word that a key allows."""
    text = (ROOT / "docs" / "configs.md").read_text(encoding="utf-8")
    fields = model.model_fields
    missing = [name for name in fields if f"`{name}`" not in text]
    missing += [word for field in fields.values() for word in words_within(field.annotation) if f"`{word}`" not in text]
    assert not missing


def test_the_models_of_a_config_are_all_found() -> None:
    """The search through a config's types finds models in lists, in mappings and in fields with defaults."""
    assert {Column, Member, ClassLabel, Limit, Range, Draw, Stratify} <= {*CONFIG_MODELS}
    assert len(CONFIG_MODELS) > 30


def test_every_target_is_documented() -> None:
    """README names each command of the Makefile that a user calls."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE)) - {"help", "setup", "clean"}
    assert len(targets) > 8
    assert not {target for target in targets if f"`make {target}" not in readme}


def test_links_lead_somewhere() -> None:
    """Each relative link in a document points to a file that exists."""
    broken = []
    for document in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        links = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
        broken += [f"{document.name}: {link}" for link in links if not (document.parent / link).exists()]
    assert not broken


QUESTIONS = {
    "Where is a JSON number parsed?": ("serving/codec/values.py", "def float_value"),
    "Who decides to refuse a request?": ("runners/admission.py", "class Admission"),
    "Where does a new converter go?": ("tabento/export/converters/__init__.py", "To add a converter:"),
    "Where is a request counted and logged?": ("serving/operations/accounting.py", "class RequestAccounting"),
    "Which model answers, and is the service draining?": ("serving/state.py", "class ServiceState"),
    "How large may a batch become?": ("runners/policy.py", "class Coalesce"),
    "When is a graph proven equal?": ("tabento/parity/check.py", "def check_parity"),
    "Which limits can stop a model?": ("training/gate/limits.py", "def metric_checks"),
    "What does a stage read and write?": ("training/stages/table.py", "class Stage"),
    "Which keys may a config have?": ("training/config/model.py", "class ModelConfig"),
    "Where is a bundle's seal checked?": ("tabento/bundle/manifest.py", "def verify_manifest"),
}
"""The questions of a newcomer, each with the one file that answers it and a text that this file must contain."""
SCREENS_LINES = 110
"""The number of lines of two screens."""


def test_architecture_fits_on_two_screens() -> None:
    """docs/architecture.md is not longer than two screens."""
    assert len((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines()) <= SCREENS_LINES


@pytest.mark.parametrize("question", QUESTIONS)
def test_newcomer_finds_the_file(question: str) -> None:
    """docs/architecture.md names one file for each question, and the answer is in that file."""
    file, content = QUESTIONS[question]
    assert f"| {question} | `{file}` |" in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert content in (ROOT / file).read_text(encoding="utf-8")


def test_architecture_names_files_that_exist() -> None:
    """Each path in docs/architecture.md exists."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:tabento|training|serving|runners|configs)/[a-z0-9_/.]+)`", text)
    assert len(paths) > 20
    assert not [path for path in paths if not (ROOT / path).exists()]
