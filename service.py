"""The Bento service: one bundle, one runner, one HTTP layer.

``bentoml serve`` in the checkout serves the latest bundle of the model that ``configs/serving.yaml`` or TABENTO_MODEL
names; ``--arg model=NAME[:VERSION]`` chooses another, and is what ``bentoml build`` packs. ``--arg models=NAME:VERSION,…``
packs and serves further models beside it.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import bentoml
from bentoml.models import BentoModel
from pydantic import BaseModel, BeforeValidator, StringConstraints

from serving.bento import TabentoService, lean_config, packed_tag
from serving.fleet.starting_bundle import fetch_if_missing, starting_bundle
from serving.guards.exposure import exposure_problem
from serving.model import ServedModel
from serving.operations.metrics import FAMILIES
from serving.operations.monitor_process import MonitorProcess
from serving.operations.start_failure import one_line_failure, quiet_worker_failure
from serving.operations.supervisor import supervise
from serving.packed_models import split_tags, with_packed_models
from serving.settings import load_settings
from serving.start_checks import check_bundle, check_settings
from tabento.bundle.store import Bundle, get_stored


class Arguments(BaseModel, extra="forbid"):
    """The arguments of ``--arg``."""

    model: Annotated[str, StringConstraints(min_length=1)] | None = None
    """The bundle to serve or to pack, ``name`` or ``name:version``."""
    models: Annotated[tuple[str, ...], BeforeValidator(split_tags)] = ()
    """Further bundles to pack and to serve, ``name:version`` each, separated by commas in ``--arg``."""


FOLDER = Path(__file__).parent
with one_line_failure():
    ARGUMENTS = bentoml.use_arguments(Arguments)
    SETTINGS = with_packed_models(load_settings(FOLDER), ARGUMENTS.models)
    MODEL = ARGUMENTS.model or SETTINGS.model
    fetch_if_missing(SETTINGS, MODEL)
    STORED = get_stored(MODEL)


def _bundle() -> Bundle:
    """Return the bundle to serve, verified."""
    return starting_bundle(SETTINGS, packed_tag(getattr(Tabento, "bento", None), MODEL))


def _check() -> None:
    """Check settings, keys, bundle and the list of further models before a worker starts."""
    check_settings(SETTINGS)
    check_bundle(_bundle(), SETTINGS)


@bentoml.service(name="tabento", service_class=TabentoService, **lean_config(SETTINGS))
class Tabento:
    """Answers ``POST /predict`` for one model.

    Over HTTP the application of ``serving`` answers; the methods here are for BentoML's clients, its schema and calls
    within a process, and use the same decoder, model and encoder.
    """

    settings = SETTINGS
    stored = BentoModel(STORED.tag)

    def __init__(self) -> None:
        with quiet_worker_failure():
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


# BentoML packs a model for each attribute of the class above; further models are known by argument only.
cast("Any", Tabento).models.extend(map(BentoModel, ARGUMENTS.models))
