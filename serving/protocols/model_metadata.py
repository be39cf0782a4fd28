"""The metadata and the readiness of models in the Open Inference Protocol, for REST and gRPC."""

from __future__ import annotations

from typing import NamedTuple

from serving.errors import UnavailableError
from serving.protocols.answer_tensors import AnswerTensors
from serving.protocols.tensor_rows import input_metadata
from serving.protocols.tensors import TensorMetadata
from serving.routes.model_entries import ModelEntries, ModelEntry


class ModelMetadata(NamedTuple):
    """The metadata of one version of a model."""

    name: str
    versions: list[str]
    """All versions that answer requests, the champion first."""
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


async def model_metadata(entries: ModelEntries, name: str, version: str | None) -> ModelMetadata:
    """Return the metadata of a model, whether it is loaded or not.

    Args:
        entries: the models of the service.
        name: the model.
        version: its version; None for the champion.

    Raises:
        ServingError: the service is not ready, has no such model or version, or cannot read its bundle.
    """
    entry = entries.entry(name)
    bundle = await entries.bundle(name, version)
    versions = [live.version for live in entry.versions] or [bundle.version]
    outputs = AnswerTensors(bundle.contract).metadata
    return ModelMetadata(name, versions, list(input_metadata(bundle.contract)), list(outputs))


async def check_ready(entries: ModelEntries, name: str, version: str | None) -> None:
    """Check that a model answers requests: it is loaded, or its first request loads it.

    Raises:
        UnavailableError: the service is not ready, or the last load of the model has failed.
        NoRouteError: the service has no such model or version.
    """
    entry = entries.entry(name)
    if entry.state == "failed":
        raise UnavailableError(f"The model {name!r} could not be loaded: {entry.reason}")
    if version is not None:
        await entries.bundle(name, version)


def index_state(entry: ModelEntry) -> tuple[str, str]:
    """Return the state of a model in the index of the repository, and its reason.

    A model that is not loaded is ready as well: its first request loads it.
    """
    if entry.state == "failed":
        return "UNAVAILABLE", entry.reason or ""
    return "READY", "" if entry.state == "live" else "its first request loads it"
