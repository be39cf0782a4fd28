"""The paths that BentoML's own application answers under ``bentoml serve``: the schema for its clients, and the assets of pages."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from serving.container.bento_file import PackedBento
from serving.http import App, Receive, Scope, Send

SCHEMA_PATH = "/schema.json"
ASSETS_PATH = "/static_content"
_ASSETS_FOLDER = "_internal/server/static_content"


class Pages:
    """Answers the schema and the assets without importing BentoML.

    Args:
        source: the folder of ``service.py``.
        bento: the Bento, whose description contains the schema; None in a checkout, where BentoML is imported for the schema.
    """

    def __init__(self, source: Path, bento: PackedBento | None) -> None:
        self._source = source
        self._schema: Mapping[str, Any] | None = None if bento is None else bento.schema
        self._assets: App | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; an unknown path gets 404."""
        path: str = scope["path"]
        app: App
        if path == SCHEMA_PATH:
            if self._schema is None:
                self._schema = await asyncio.to_thread(_schema_of_checkout)
            app = JSONResponse(self._schema)
        elif path.startswith(ASSETS_PATH + "/"):
            if self._assets is None:
                self._assets = StaticFiles(directory=_assets_folder())
            app, scope = self._assets, {**scope, "root_path": ASSETS_PATH}
        else:
            app = JSONResponse({}, status_code=404)
        try:
            await app(scope, receive, send)
        except HTTPException as error:  # the file does not exist, or the method is wrong; nothing was sent
            await JSONResponse({}, status_code=error.status_code)(scope, receive, send)


def _assets_folder() -> Path:
    """Return the folder of the assets; the package is found, not imported."""
    package = importlib.util.find_spec("bentoml")
    assert package is not None
    assert package.submodule_search_locations is not None
    return Path(package.submodule_search_locations[0]) / _ASSETS_FOLDER


def _schema_of_checkout() -> dict[str, Any]:
    import service

    wrapped: Any = service.Tabento  # the decorator returns BentoML's service
    schema: dict[str, Any] = wrapped.schema()
    return schema
