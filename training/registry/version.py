"""A registered version of a model, as the registry's tags describe it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

CHAMPION = "champion"
"""The alias of the version that serves."""
CHALLENGER = "challenger"
"""The alias of the newest version that passed its gate and waits to be promoted."""

Stage = Literal["none", "staging", "production", "archived"]
"""The stage of a version: the challenger is in ``staging``, the champion in ``production``; a version that was replaced is
``archived``."""

BUNDLE_TAG = "bundle"
PIPELINE_TAG = "pipeline"
METRICS_TAG = "metrics"
MANIFEST_TAG = "manifest_sha256"
STAGE_TAG = "stage"
MODEL_PATH_TAG = "artifact_path"


@dataclass(frozen=True)
class Version:
    """A registered version."""

    name: str
    """The model's name."""
    number: int
    """The version's number in the registry: 1, 2, 3, …"""
    aliases: tuple[str, ...]
    """``champion``, ``challenger``, and aliases that users have added."""
    run_id: str | None
    """The run that made the version."""
    created: datetime
    """The time of the registration, UTC."""
    description: str
    """Markdown."""
    tags: Mapping[str, str]
    """All tags, including the tags of the properties."""

    @property
    def bundle_tag(self) -> str:
        """The bundle's tag in the BentoML model store."""
        return self.tags[BUNDLE_TAG]

    @property
    def pipeline_tag(self) -> str | None:
        """The fitted pipeline's tag in the BentoML model store."""
        return self.tags.get(PIPELINE_TAG)

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics on the test part."""
        return {name: float(value) for name, value in json.loads(self.tags.get(METRICS_TAG, "{}")).items()}

    @property
    def stage(self) -> Stage:
        """The stage. The aliases decide, because they move in one step; the tag distinguishes former champions and challengers."""
        if CHAMPION in self.aliases:
            return "production"
        if CHALLENGER in self.aliases:
            return "staging"
        return "archived" if self.tags.get(STAGE_TAG) in ("staging", "production", "archived") else "none"

    def __str__(self) -> str:
        return f"{self.name}/{self.number}"


def read_version(mlflow_version: Any, aliases: Mapping[str, Any]) -> Version:
    """Convert a version of MLflow.

    Args:
        mlflow_version: an ``mlflow.entities.model_registry.ModelVersion``.
        aliases: the registered model's aliases with the numbers of their versions.
    """
    number = int(mlflow_version.version)
    return Version(
        name=mlflow_version.name,
        number=number,
        aliases=tuple(sorted(alias for alias, target in aliases.items() if int(target) == number)),
        run_id=mlflow_version.run_id or None,
        created=datetime.fromtimestamp(mlflow_version.creation_timestamp / 1000, UTC),
        description=mlflow_version.description or "",
        tags=dict(mlflow_version.tags),
    )
