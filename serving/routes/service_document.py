"""The OpenAPI document of the whole service, made when it is asked for and kept until other models answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

from serving.errors import ServingError, UnavailableError
from serving.live_model import LiveModel
from serving.routes.model_entries import ModelEntries
from serving.routes.openapi_keys import add_security
from serving.routes.openapi_models import (
    SHOWN_MODELS,
    add_names,
    common_part,
    default_paths,
    model_document,
    model_part,
)
from serving.settings import ServingSettings, SettingsError
from serving.state import ServiceState

logger = logging.getLogger("tabento.serving")


class ServiceDocument:
    """Makes the document of the service.

    Args:
        state: knows the models.
        settings: the serving settings.
    """

    def __init__(self, state: ServiceState, settings: ServingSettings) -> None:
        self._state = state
        self._settings = settings
        self._entries = ModelEntries(state)
        self._key: tuple[object, ...] | None = None
        self._document: dict[str, Any] = {}
        self._models: dict[tuple[str, int | None], dict[str, Any]] = {}

    async def document(self) -> dict[str, Any]:
        """Return the document, without an address of the service.

        Raises:
            UnavailableError: the service is not ready.
        """
        default = self._state.ready_model()
        names = self._state.known_names()
        documents = {}
        for name in names[1 : SHOWN_MODELS + 1]:
            with contextlib.suppress(ServingError):  # if it cannot be read now, its path has a placeholder
                documents[name] = await self.of_model(name)
        key = (
            default.bundle.tag,
            tuple(names),
            tuple(documents),
            *(document["info"]["version"] for document in documents.values()),
        )
        if key != self._key:
            parts = [common_part(names, len(documents) + 1 == len(names))]
            for name, document in documents.items():
                parts.append(model_part(name, document))
                await asyncio.sleep(0)  # requests go on: a part takes about a millisecond
            self._document = self._join(default, parts, names)
            self._key = key
        return self._document

    def _join(self, default: LiveModel, parts: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, Any]:
        """Return the document of the default model with the parts of the others."""
        base = default.openapi
        paths = add_names(base["paths"], names) | default_paths(default.name, base["paths"])
        schemas = dict(base["components"]["schemas"])
        for part in parts:
            paths |= add_security(part, self._settings)["paths"]
            schemas |= part["components"]["schemas"]
        return base | {"paths": paths, "components": base["components"] | {"schemas": schemas}}

    async def of_model(self, name: str) -> dict[str, Any]:
        """Return the document of one model, without security.

        Raises:
            UnavailableError, NoRouteError: the service is not ready, or has no such model.
            ServingError: the bundle cannot be read.
        """
        live = self._entries.live_model(name, None)
        bundle = await self._entries.bundle(name)
        max_rows = None if live is None else live.served.max_rows
        known_document = self._models.get((bundle.tag, max_rows))
        if known_document is None:
            try:
                known_document = model_document(bundle, self._settings, max_rows)
            except SettingsError as error:
                logger.error("the model %s cannot be described: %s", bundle.tag, error)
                raise UnavailableError(f"The settings of the service do not fit the model {name!r}.") from error
            if len(self._models) >= 2 * SHOWN_MODELS:
                self._models.pop(next(iter(self._models)))
            self._models[bundle.tag, max_rows] = known_document
            await asyncio.sleep(0)
        return known_document
