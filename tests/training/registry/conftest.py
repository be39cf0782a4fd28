"""A registry of a test's own, with bundles in a store of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.retries import AT_ONCE
from tests.training.mlflows import mlflow_settings
from training.config.settings import TrainingSettings
from training.registry import Registry


@pytest.fixture
def settings(tmp_path: Path, model_store: Path) -> TrainingSettings:
    """Settings with a fresh MLflow database and an empty model store."""
    return mlflow_settings(tmp_path)


@pytest.fixture
def registry(settings: TrainingSettings) -> Registry:
    """The registry of these settings."""
    return Registry(settings, retry=AT_ONCE)
