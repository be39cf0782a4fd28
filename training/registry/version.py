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
"""Where a version stands: the challenger is in ``staging``, the champion in ``production``; a version that one of these
followed is ``archived``."""

BUNDLE_TAG = "bundle"
PIPELINE_TAG = "pipeline"
METRICS_TAG = "metrics"
MANIFEST_TAG = "manifest_sha256"
STAGE_TAG = "stage"
MODEL_PATH_TAG = "artifact_path"


@dataclass(frozen=True)
class Version:
    """One version."""

    name: str
    """The model's name."""
    number: int
    """The version's number in the registry: 1, 2, 3, …"""
    aliases: tuple[str, ...]
    """``champion``, ``challenger``, and what people have added."""
    run_id: str | None
    """The run that made it."""
    created: datetime
    """When it was registered, UTC."""
    description: str
    """Markdown."""
    tags: Mapping[str, str]
    """All tags, also those behind the properties."""

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
        """The figures on the test part."""
        return {name: float(value) for name, value in json.loads(self.tags.get(METRICS_TAG, "{}")).items()}

    @property
    def stage(self) -> Stage:
        """Where it stands. Aliases decide, because they move in one step; the tag knows who was there before."""
        if CHAMPION in self.aliases:
            return "production"
        if CHALLENGER in self.aliases:
            return "staging"
        return "archived" if self.tags.get(STAGE_TAG) in ("staging", "production", "archived") else "none"

    def __str__(self) -> str:
        return f"{self.name}/{self.number}"


def read_version(found: Any, aliases: Mapping[str, Any]) -> Version:
    """Return a version out of MLflow's.

    Args:
        found: an ``mlflow.entities.model_registry.ModelVersion``.
        aliases: the registered model's aliases with the numbers at which they point.
    """
    number = int(found.version)
    return Version(
        name=found.name,
        number=number,
        aliases=tuple(sorted(alias for alias, target in aliases.items() if int(target) == number)),
        run_id=found.run_id or None,
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        description=found.description or "",
        tags=dict(found.tags),
    )
