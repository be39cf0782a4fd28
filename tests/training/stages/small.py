"""A config whose whole pipeline, studies included, runs in seconds."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tests.training.orchards import orchard_config
from training.config import ModelConfig
from training.config.settings import TrainingSettings
from training.progress import silence
from training.stages.context import Context
from training.stages.runner import FinishedStage, run_stages
from training.stages.steps import make_plan
from training.stages.workspace import Workspace

BUDGETS: dict[str, Any] = {
    "studies": {"imputers": ("mean", "median"), "clusters": (2, 3), "folds": 2},
    "selection": {"kinds": ("ridge",), "folds": 2, "repeats": 1, "single_row_us_max": None},
    "sweep": {"trials": 2, "folds": 2, "pruner": "none"},
}
"""Few candidates and folds; no budget that a busy machine could miss."""
FEATURES = ("age", "crown width", "slope", "sort")
"""A number that may be missing, a category, and a place for clusters."""


def small_config(**changes: object) -> ModelConfig:
    """Return the orchard's config on 260 rows, with small budgets and four features and a gate without refits."""
    content = orchard_config().model_dump()
    sections: dict[str, object] = {
        **BUDGETS,
        "features": tuple(feature for feature in content["features"] if feature["name"] in FEATURES),
        "drop": dict.fromkeys(("height", "pruned", "soil"), "Four columns are enough here."),
        "derived": {"clusters": {"columns": ("age", "crown width"), "n_clusters": 3}},
        "estimator": {**content["estimator"], "params": {"max_iter": 5, "max_leaf_nodes": 4}},
        "synthetic": {**content["synthetic"], "rows": 260},
        "gate": {**content["gate"], "leakage": None, "single_row_p99_us_max": None, "parity_rows": 1000},
    }
    return orchard_config(**{**sections, **changes})


def small_settings(folder: Path, **changes: Any) -> TrainingSettings:
    """Return settings with all folders inside one, no network and a short measurement."""
    return TrainingSettings(
        **{
            "data_folder": folder / "data",
            "runs_folder": folder / "runs",
            "registry_folder": folder / "registry",
            "artifacts_folder": folder / "artifacts",
            "download": False,
            "latency_budget_s": 0.02,
            **changes,
        }
    )


def context_of(config: ModelConfig, folder: Path, steps: str, decisions: str | None = None) -> Context:
    """Return the context of a run of some steps in ``folder``/artifacts."""
    settings = small_settings(folder)
    workspace = Workspace(settings.artifacts_folder / config.name)
    return Context(config, settings, silence(), workspace, make_plan(steps, decisions))


def run(
    config: ModelConfig, folder: Path, steps: str, decisions: str | None = None, *, force: bool = False
) -> dict[str, FinishedStage]:
    """Run some steps and return what was done, by stage."""
    done = run_stages(context_of(config, folder, steps, decisions), force=force)
    return {item.name: item for item in done}


@cache
def _prepared_artifacts(steps: str) -> Path:
    """Run some stages of the small config once in this process and return the folder of their artifacts."""
    folder = Path(tempfile.mkdtemp(prefix="tabento-stages-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run(small_config(), folder, steps)
    return folder / "artifacts"


def copy_artifacts(folder: Path, steps: str) -> None:
    """Copy the artifacts of finished stages of the small config into ``folder``; tests of later stages start there."""
    shutil.copytree(_prepared_artifacts(steps), folder / "artifacts", dirs_exist_ok=True)


def ran(done: dict[str, FinishedStage]) -> list[str]:
    """Return the stages that were not skipped."""
    return [name for name, item in done.items() if item.ran]
