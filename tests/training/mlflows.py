"""MLflow databases and registered bundles for tests: the tables are created once, and each test gets a copy."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import bentoml.models

from tabento.bundle.contract import Contract
from tabento.bundle.format import BENTOML_MODULE
from tabento.bundle.store import load_bundle
from tests.bundles import ORCHARD_EXAMPLES, write_bundle
from training.config.settings import TrainingSettings
from training.registry import Registry, Version
from training.registry.tracking.connection import connect
from training.registry.tracking.place import DATABASE_FILE


@cache
def _tables() -> bytes:
    """Return an empty database with all of MLflow's tables; their creation takes seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / DATABASE_FILE
        connect(f"sqlite:///{path}").experiment("first")
        return path.read_bytes()


def mlflow_settings(folder: Path, **changes: object) -> TrainingSettings:
    """Return settings whose registry folder, ``folder / "registry"``, holds a fresh MLflow database."""
    registry = folder / "registry"
    registry.mkdir(exist_ok=True)
    (registry / DATABASE_FILE).write_bytes(_tables())
    folders = {"data_folder": folder / "data", "runs_folder": folder / "runs", "registry_folder": registry}
    values = {**folders, "tracking": True, "download": False}
    return TrainingSettings.model_validate({**values, "latency_budget_s": 0.02, **changes})


def store_bundle(contract: Contract | None = None, examples: Sequence[dict[str, Any]] | None = None) -> str:
    """Store a small bundle in the model store and return its tag."""
    name = contract.name if contract is not None else "orchard"
    with bentoml.models.create(name, module=BENTOML_MODULE) as stored:
        write_bundle(Path(stored.path), contract, examples=ORCHARD_EXAMPLES if examples is None else examples)
    return str(stored.tag)


def register(registry: Registry, tag: str, **metrics: float) -> Version:
    """Register a stored bundle under a run of its own."""
    return registry.register(
        name=tag.partition(":")[0],
        bundle_tag=tag,
        pipeline_tag=None,
        run_id=None,
        metrics=metrics or {"rmse": 1.0},
        tags={"algorithm": "ridge"},
        description_markdown="# Orchard",
        bundle_folder=load_bundle(tag).path,
    )
