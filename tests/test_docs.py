"""What is not in the documents does not exist for users: each setting, each target, each route must be there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from bundle.contract import Output
from serving.settings import ServingSettings
from training.config import ClassLabel, Column, Decisions, Draw, Limit, Member, ModelConfig, Range, Stratify
from training.settings import ENV_PREFIX, TrainingSettings

ROOT = Path(__file__).parents[1]


def models_within(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a type is made of, with all that these are made of themselves."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_within(field.annotation)
    for part in get_args(annotation):
        yield from models_within(part)


def words_within(annotation: Any) -> Iterator[str]:
    """Yield the words among which a type lets choose."""
    if get_origin(annotation) is Literal:
        yield from (word for word in get_args(annotation) if isinstance(word, str))
    else:
        for part in get_args(annotation):
            yield from words_within(part)


CONFIG_MODELS: tuple[type[BaseModel], ...] = tuple(
    dict.fromkeys(model for root in (ModelConfig, Decisions, Output, ServingSettings) for model in models_within(root))
)


def test_every_variable_of_training_is_documented() -> None:
    """docs/configs.md names each setting of a run as it is written in the environment."""
    text = (ROOT / "docs" / "configs.md").read_text(encoding="utf-8")
    assert not [name for name in TrainingSettings.model_fields if f"`{ENV_PREFIX}{name.upper()}`" not in text]


@pytest.mark.parametrize("model", CONFIG_MODELS, ids=lambda model: model.__name__)
def test_every_key_is_documented(model: type[BaseModel]) -> None:
    """docs/configs.md names each key that a file may have, and each word among which a key lets choose."""
    text = (ROOT / "docs" / "configs.md").read_text(encoding="utf-8")
    fields = model.model_fields
    missing = [name for name in fields if f"`{name}`" not in text]
    missing += [word for field in fields.values() for word in words_within(field.annotation) if f"`{word}`" not in text]
    assert not missing


def test_the_models_of_a_config_are_all_found() -> None:
    """The walk through a config's types reaches what stands in lists, in keys and behind defaults."""
    assert {Column, Member, ClassLabel, Limit, Range, Draw, Stratify} <= {*CONFIG_MODELS}
    assert len(CONFIG_MODELS) > 30


def test_every_target_is_documented() -> None:
    """README names each command of the Makefile that a user calls."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)) - {"help", "setup", "clean"}
    assert len(targets) > 8
    assert not {target for target in targets if f"`make {target}" not in readme}


def test_links_lead_somewhere() -> None:
    """Each relative link in a document points at a file that is there."""
    broken = []
    for document in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        links = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
        broken += [f"{document.name}: {link}" for link in links if not (document.parent / link).exists()]
    assert not broken
