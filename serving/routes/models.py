"""``GET /models``, ``/models/{name}`` and ``/models/{name}/docs.json``: the models of the service.

No route here loads a model: a list of a thousand models would otherwise replace all models in memory.
"""

from __future__ import annotations

import re
from typing import Any, Protocol, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.codec.input_policies import policies_for
from serving.errors import Detail, InvalidError, NoRouteError
from serving.routes.description import describe_bundle
from serving.routes.model_entries import ModelEntries, ModelEntry, ModelState
from serving.routes.openapi import with_server
from serving.routes.openapi_keys import add_security
from serving.routes.paths import (
    MODEL_BATCH_ROUTE,
    MODEL_DOCUMENT_ROUTE,
    MODEL_PREDICT_ROUTE,
    MODEL_ROUTE,
    MODELS_PATH,
    model_paths,
)
from serving.routes.prefix import CLIENT_SCOPE, VARIES, public_prefix
from serving.routes.responses import REQUEST_ID, response
from serving.routes.service_document import ServiceDocument
from serving.settings import ServingSettings, SettingsError
from serving.state import ServiceState
from tabento.bundle.store import Bundle

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 1_000
"""The largest number of models of one page."""
STATES: tuple[ModelState, ...] = get_args(ModelState)


_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s;,'\"]*[^\s;,:.'\"]")
_FOLDER = re.compile(r"(?<![\w./])/(?:[^\s/:;,'\"]+/)+")


class RolloutStatus(Protocol):
    """Compares the wanted versions of models with the live ones; see ``serving.fleet.reconcile.Rollout``."""

    def status(self, name: str) -> dict[str, Any]:
        """Return the wanted and the live versions of a model, and the reason if they differ."""
        ...


class ModelRoutes:
    """The routes below ``/models``.

    Args:
        state: knows the models.
        settings: the serving settings.
        documents: makes the OpenAPI documents.
        rollout: compares the wanted versions with the live ones; None if there is no rollout.
    """

    def __init__(
        self,
        state: ServiceState,
        settings: ServingSettings,
        documents: ServiceDocument,
        rollout: RolloutStatus | None = None,
    ) -> None:
        self._entries = ModelEntries(state)
        self._settings = settings
        self._documents = documents
        self._rollout = rollout
        self._state = state
        self.routes = [
            Route(MODELS_PATH, self.models),
            Route(MODEL_ROUTE, self.model),
            Route(MODEL_DOCUMENT_ROUTE, self.openapi),
            Route(MODEL_PREDICT_ROUTE, self.no_model, methods=["POST"]),
            Route(MODEL_BATCH_ROUTE, self.no_model, methods=["POST"]),
        ]

    async def models(self, request: Request) -> Response:
        """Return a page of the models, in alphabetical order.

        Raises:
            InvalidError: a parameter of the query is wrong.
            UnavailableError: the service is not ready.
        """
        query = _query(request, ("limit", "after", "state"))
        limit, after, state = _limit(query.get("limit")), query.get("after", ""), query.get("state")
        if state is not None and state not in STATES:
            raise InvalidError(
                "A parameter of the query is wrong.",
                [Detail(None, "state", f"one of {', '.join(STATES)}", state[:100])],
            )
        self._state.ready_model()
        names = self._entries.names()
        page: list[dict[str, Any]] = []
        next_name = None
        for name in names:
            if name <= after:
                continue
            entry = self._entries.entry(name)
            if state is not None and entry.state != state:
                continue
            if len(page) == limit:
                next_name = page[-1]["name"]
                break
            page.append(_describe_entry(entry))
        content = {"models": page, "total": len(names), "next": next_name}
        return response(request.scope[REQUEST_ID], msgspec.json.encode(content))

    async def model(self, request: Request) -> Response:
        """Return the description of a model: its versions, their state, and the content of one of them.

        Raises:
            InvalidError: a parameter of the query is wrong.
            UnavailableError: the service is not ready.
            NoRouteError: the service has no such model or version.
        """
        version = _query(request, ("version",)).get("version")
        name = request.path_params["name"]
        entry = self._entries.entry(name)
        content = await self._describe(name, version)
        content |= _describe_entry(entry)
        content["rollout"] = None if self._rollout is None else public_status(self._rollout.status(name))
        return response(request.scope[REQUEST_ID], msgspec.json.encode(content))

    async def no_model(self, request: Request) -> Response:
        """Refuse a prediction of a model whose name no model can have; the application answers all others without this route.

        Raises:
            UnavailableError: the service is not ready.
            NoRouteError: the service has no such model.
        """
        name = request.path_params["name"]
        self._state.ready_model(name)
        raise NoRouteError(f"There is no model {name[:100]!r}.")

    async def openapi(self, request: Request) -> Response:
        """Return the OpenAPI document of one model.

        Raises:
            UnavailableError: the service is not ready.
            NoRouteError: the service has no such model.
        """
        document = add_security(await self._documents.of_model(request.path_params["name"]), self._settings)
        prefix = public_prefix(request.scope[CLIENT_SCOPE], self._settings.root_path)
        body = msgspec.json.encode(with_server(document, prefix, depth=2))
        return response(request.scope[REQUEST_ID], body, headers=(VARIES,))

    async def _describe(self, name: str, version: str | None) -> dict[str, Any]:
        live = self._entries.live_model(name, version)
        if live is not None:
            return live.served.description()
        return describe_cold(await self._entries.bundle(name, version), self._settings)


def describe_cold(bundle: Bundle, settings: ServingSettings) -> dict[str, Any]:
    """Return the description of a bundle that is not loaded, as it is after its load."""
    try:
        policies = policies_for(bundle.contract, settings).policies
    except SettingsError:  # the model cannot be loaded with these settings, and its state has the reason
        policies = {}
    return describe_bundle(bundle, settings.slo_p99_ms or bundle.contract.p99_ms, policies)


def _describe_entry(entry: ModelEntry) -> dict[str, Any]:
    predict, batch = model_paths(entry.name)
    content: dict[str, Any] = {
        "name": entry.name,
        "state": entry.state,
        "default": entry.is_default,
        "tag": entry.tag,
        "versions": [{"version": live.version, "variant": live.variant} for live in entry.versions],
        "reason": entry.reason,
        "predict": predict,
        "predict_batch": batch,
    }
    # Of a model that was not read, the title is unknown; its description has it.
    return content if entry.title is None else content | {"title": entry.title}


def public_status(status: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a model's versions without the folders and addresses in its reason: this route needs no key for changes.

    The log and ``GET /admin/rollout`` have the whole reason.
    """
    reason = status["differs_because"]
    if reason is None:
        return status
    return status | {"differs_because": _FOLDER.sub("", _ADDRESS.sub("[address]", reason))}


def _query(request: Request, names: tuple[str, ...]) -> dict[str, str]:
    """Return the parameters of a request.

    Raises:
        InvalidError: a parameter is unknown or repeated.
    """
    query: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in names or name in query:
            expected = f"each of the parameters {', '.join(names)} at most once"
            raise InvalidError("A parameter of the query is wrong.", [Detail(None, name[:100], expected, value[:100])])
        query[name] = value
    return query


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= limit <= LARGEST_LIMIT:
        expected = f"a whole number from 1 to {LARGEST_LIMIT}"
        raise InvalidError("A parameter of the query is wrong.", [Detail(None, "limit", expected, text[:100])])
    return limit
