"""The settings of the rollout. ``serving.settings.ServingSettings`` has them as its own: ``TABENTO_MODELS`` and so on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, StringConstraints

ModelTag = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(:[A-Za-z0-9._-]+)?$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class RolloutSettings(BaseModel):
    """The settings of several models in one service, and of their versions."""

    # Several models, see docs/fleet.md.
    models: Annotated[
        tuple[ModelTag | Annotated[str, StringConstraints(pattern=r"^\*$")], ...], Field(max_length=10_000)
    ] = ()
    """The models that are served besides ``model``: names, for the latest version, tags, or ``*`` for all bundles of the store. Each is
    answered below ``/models/NAME``."""
    pinned_models: Annotated[tuple[ModelTag, ...], Field(max_length=10_000)] = ()
    """The models of ``models`` that are loaded at the start and stay loaded; the others are loaded by their first request."""
    models_memory_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 44)] = 1024 * 1024 * 1024
    """The estimated bytes of the models of each worker that are loaded on demand; above it, the least recently used are unloaded."""
    cold_load_timeout_s: Seconds = 10.0
    """The seconds that a request waits for the load of its model, if it has no deadline of its own."""
    cold_max_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000
    """The largest number of requests of each worker that wait for models to be loaded; further ones get 503."""
    metrics_max_models: Annotated[int, Field(ge=1, le=10_000)] = 50
    """The largest number of models with metrics of their own; the numbers of all others have the name ``other``."""

    # The rollout document, see docs/rollout.md.
    rollout_folder: Path = Path("runs/rollout")
    """The folder of the rollout document, its history and its overrides; a relative path starts at the folder of ``service.py``."""
    rollout_file: Path | None = None
    """The rollout document: which versions are wanted, in JSON. Null: ``rollout.json`` in the rollout folder."""
    rollout_poll_s: Annotated[float, Field(ge=0.05, le=3_600)] = 0.25
    """The seconds between two looks at the document."""
    rollout_registry_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+")] | None = None
    """The address of an MLflow server whose aliases ``champion`` and ``challenger`` are wanted; null: the registry is not asked."""
    rollout_registry_token: SecretStr | None = None
    """The bearer token for that server."""
    rollout_registry_poll_s: Annotated[float, Field(ge=1, le=86_400)] = 30.0
    """The seconds between two questions to the registry."""
    rollout_approval: bool = True
    """Whether a challenger becomes the champion only by a command; false: a document may ask for automatic promotion."""
    rollout_load_timeout_s: Seconds = 300.0
    """The seconds within which a new version must be fetched, checked and loaded."""
    shadow_max_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 1_024
    """The largest number of rows that wait for a challenger in the shadow; further ones are dropped and counted."""
    shadow_loop_share: Annotated[float, Field(gt=0, le=1)] = 0.4
    """The largest share of the time of a worker's event loop that challengers in the shadow may take."""

    # Where bundles come from, see docs/cascade.md and docs/signatures.md.
    bundle_urls: Annotated[tuple[str, ...], Field(max_length=10)] = ()
    """The fsspec URLs of folders with bundles, such as ``s3://bucket/bundles``, which are asked for a bundle that the model store does
    not have."""
    bundle_timeout_s: Seconds = 60.0
    """The seconds within which one source must deliver a bundle."""
    bundle_max_bytes: Annotated[int, Field(ge=1 << 10, le=1 << 40)] = 4 * 1024 * 1024 * 1024
    """The largest number of bytes of a bundle that is fetched."""
    require_signed_bundles: bool = False
    """Whether only bundles with a signature of a trusted key are loaded."""
    trusted_bundle_keys_file: Path | None = None
    """The file of the trusted public keys; a relative path starts at the folder of ``service.py``."""
