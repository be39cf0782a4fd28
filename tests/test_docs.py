"""What is not in the documents does not exist for users: each setting, each target, each route must be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from bundle.contract import Feature
from serving.settings import ServingSettings
from training.config import Clusters, Derived, Draw, Estimator, Gate, ModelConfig, Ratio, Slo, Source, Split, Stratify
from training.settings import ENV_PREFIX, TrainingSettings

ROOT = Path(__file__).parents[1]
CONFIG_MODELS: tuple[type[BaseModel], ...] = (
    *(ModelConfig, Feature, Source, Derived, Ratio, Clusters, Estimator, Split, Stratify, Gate, Slo, Draw),
    ServingSettings,
)


def test_every_variable_of_training_is_documented() -> None:
    """docs/configs.md names each setting of a run as it is written in the environment."""
    text = (ROOT / "docs" / "configs.md").read_text(encoding="utf-8")
    assert not [name for name in TrainingSettings.model_fields if f"`{ENV_PREFIX}{name.upper()}`" not in text]


@pytest.mark.parametrize("model", CONFIG_MODELS, ids=lambda model: model.__name__)
def test_every_key_is_documented(model: type[BaseModel]) -> None:
    """docs/configs.md names each key that a file may have."""
    text = (ROOT / "docs" / "configs.md").read_text(encoding="utf-8")
    missing = [name for name in model.model_fields if f"`{name}`" not in text]
    assert not missing


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
