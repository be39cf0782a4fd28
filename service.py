"""The Bento service: one bundle, one runner, one HTTP layer.

``bentoml serve`` in the checkout serves the latest bundle of the model that ``configs/serving.yaml`` or TABENTO_MODEL
names; ``--arg model=NAME[:VERSION]`` chooses another, and is what ``bentoml build`` packs.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import bentoml
from bentoml.models import BentoModel
from pydantic import BaseModel, StringConstraints

from serving.bento import TabentoService, lean_config, packed_tag
from serving.codec.input_policies import policies_for
from serving.fleet.catalogue import Catalogue
from serving.fleet.starting_bundle import fetch_if_missing, starting_bundle
from serving.guards.exposure import exposure_problem
from serving.guards.key_source import read_all_keys
from serving.model import ServedModel
from serving.operations.metrics import FAMILIES
from serving.operations.monitor_process import MonitorProcess
from serving.operations.supervisor import supervise
from serving.protocols.grpc.startup import check_grpc
from serving.settings import load_settings
from serving.tls import check_tls
from serving.tracing.check import check_tracing
from tabento.bundle.store import Bundle, get_stored


class Arguments(BaseModel, extra="forbid"):
    """The arguments of ``--arg``."""

    model: Annotated[str, StringConstraints(min_length=1)] | None = None
    """The bundle to serve or to pack, ``name`` or ``name:version``."""


FOLDER = Path(__file__).parent
SETTINGS = load_settings(FOLDER)
MODEL = bentoml.use_arguments(Arguments).model or SETTINGS.model
fetch_if_missing(SETTINGS, MODEL)
STORED = get_stored(MODEL)
# A distro that BentoML does not know keeps compilers and git, which no package here needs, out of the image.
IMAGE = bentoml.images.Image(base_image="python:3.11-slim", distro="as-it-is", python_version="3.11")


def _bundle() -> Bundle:
    """Return the bundle to serve, verified."""
    return starting_bundle(SETTINGS, packed_tag(getattr(Tabento, "bento", None), MODEL))


def _check() -> None:
    """Check settings, keys, bundle and the list of further models before a worker starts."""
    check_tracing(SETTINGS)
    check_grpc(SETTINGS)
    check_tls(SETTINGS)
    read_all_keys(SETTINGS)
    policies_for(_bundle().contract, SETTINGS)
    Catalogue(SETTINGS.models, SETTINGS.pinned_models)


@bentoml.service(name="tabento", image=IMAGE, service_class=TabentoService, **lean_config(SETTINGS))
class Tabento:
    """Answers ``POST /predict`` for one model.

    Over HTTP the application of ``serving`` answers; the methods here are for BentoML's clients, its schema and calls
    within a process, and use the same decoder, model and encoder.
    """

    settings = SETTINGS
    stored = BentoModel(STORED.tag)

    def __init__(self) -> None:
        self.model = ServedModel(_bundle(), self.settings)

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    def before_start() -> None:
        """Run once in BentoML's supervisor, before it opens the port."""
        monitor = partial(MonitorProcess, SETTINGS, FAMILIES, FOLDER) if SETTINGS.monitoring else None
        supervise(_check, lambda host: exposure_problem(host, SETTINGS), SETTINGS.grpc_port, monitor, SETTINGS)

    @bentoml.api(route="/predict")  # type: ignore[untyped-decorator]
    async def predict(self, body: dict[str, Any], /) -> dict[str, Any]:
        """Predict one object of features, or all rows of ``{"instances": [...]}``."""
        return self.model.predict(json.dumps(body).encode())

    @bentoml.api(route="/predict/batch")  # type: ignore[untyped-decorator]
    async def predict_batch(self, body: dict[str, Any], /) -> dict[str, Any]:
        """Predict all rows of ``{"instances": [...]}``."""
        return self.model.predict(json.dumps(body).encode(), batch_only=True)
