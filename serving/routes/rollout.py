"""``/admin/rollout``: the rollout document, changes of it, and its history; for keys with the scope ``admin``.

``GET`` returns the document with the state of its models, ``POST`` makes one change of one model, ``PUT`` replaces the document. All
workers see a change at their next look at the document, after ``rollout_poll_s``. See docs/rollout.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rollout.changes import Author, one_line, replace_all
from rollout.document import DocumentError, RolloutDocument, read_document, utc_now
from rollout.errors import RefusedChangeError, RolloutError, StaleDocumentError, UnknownModelError
from rollout.files import FileReadError
from rollout.registry.watch import RegistryWatch
from rollout.report_page import report_page
from rollout.requests import Circumstances, RequestError, kind_of, parse_request
from rollout.store import DocumentStore
from rollout.watch import FileSource
from serving.errors import ConflictError, InvalidError, NoRouteError, PreconditionError, ServingError, UnavailableError
from serving.routes.responses import REQUEST_ID, response
from serving.routes.rollout_parameters import (
    Expectation,
    entity_tag,
    expectation,
    query_parameter,
    request_body,
    signature,
)
from serving.routes.rollout_paths import HISTORY_PATH, MAX_CHANGES, PATH, REPORT_PATH
from serving.security_headers import POLICY_HEADER
from serving.settings import ServingSettings
from serving.state import ServiceState

MAX_CHANGE_BYTES = 1 << 16
MAX_DOCUMENT_BYTES = 16 << 20
DEFAULT_CHANGES = 50
STATUSES_AT_ONCE = 100
"""The number of models whose states are compared in one turn of the event loop: some milliseconds."""
WHY_HEADER = "x-rollout-why"
"""The header of ``PUT`` with the reason of the change; ``x-rollout-who`` has the person."""
WHO_HEADER = "x-rollout-who"

HTML = b"text/html; charset=utf-8"
PAGE_POLICY = (
    b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page has styles of its own, and loads nothing."""

logger = logging.getLogger("tabento.rollout")


class LiveRollout(Protocol):
    """The worker's view of the rollout."""

    store: DocumentStore
    source: FileSource
    registry: RegistryWatch | None
    document: RolloutDocument
    """The document in use, with overrides."""

    def status(self, name: str) -> dict[str, Any]:
        """Return the wanted and the live versions of a model, and the reason if they differ."""
        ...


class RolloutRoutes:
    """The routes of the rollout document.

    Args:
        rollout: the worker's view of the rollout.
        state: knows the models.
        settings: the serving settings.
        reports: returns the reports on the running trials; see ``rollout.report``.
        workers: returns the number of workers by model, champion and challenger; see ``Rollout.live_versions``.
    """

    def __init__(
        self,
        rollout: LiveRollout,
        state: ServiceState,
        settings: ServingSettings,
        reports: Callable[[], Awaitable[list[dict[str, Any]]]],
        workers: Callable[[], Awaitable[Mapping[tuple[str, ...], float]]],
    ) -> None:
        self._reports = reports
        self._workers = workers
        self._rollout = rollout
        self._store = rollout.store
        self._state = state
        self._approval = settings.rollout_approval
        self._max_document_bytes = min(settings.max_body_bytes, MAX_DOCUMENT_BYTES)
        self.routes = [
            Route(PATH, self.document, methods=["GET", "POST", "PUT"]),
            Route(HISTORY_PATH, self.history, methods=["GET"]),
            Route(REPORT_PATH, self.report, methods=["GET"]),
        ]

    async def document(self, request: Request) -> Response:
        """Return the document and the state of its models, after the change if there is one.

        Raises:
            ServingError: the change is not possible; the document is as before.
        """
        if request.method == "POST":
            return await self._change(request)
        if request.method == "PUT":
            return await self._replace(request)
        name = query_parameter(request, "model")
        try:
            document = await asyncio.to_thread(self._store.read)
        except (DocumentError, FileReadError):
            document = self._rollout.document  # the answer has the fault
        if name is not None and name not in document.models:
            self._check_name(name)
        return await self._answer(request, document, [*document.models] if name is None else [name])

    async def history(self, request: Request) -> Response:
        """Return the changes of the document, the newest first.

        Raises:
            ServingError: a parameter is wrong, or the history cannot be read.
        """
        name, limit_text = query_parameter(request, "model"), query_parameter(request, "limit") or str(DEFAULT_CHANGES)
        if not limit_text.isascii() or not limit_text.isdigit() or not 1 <= int(limit_text) <= MAX_CHANGES:
            raise InvalidError(f"Expected a `limit` from 1 to {MAX_CHANGES}, got {limit_text[:20]!r}.")
        try:
            changes = await asyncio.to_thread(self._store.history.read, name, int(limit_text))
        except FileReadError as error:
            raise UnavailableError(str(error)) from None
        content = {"changes": [change.model_dump() for change in changes], "fault": self._store.history.fault}
        return response(request.scope[REQUEST_ID], msgspec.json.encode(content))

    async def report(self, request: Request) -> Response:
        """Return the reports on the running trials, as JSON or as a page.

        Raises:
            ServingError: a parameter is wrong, or the service has no such model.
        """
        name, text_format = query_parameter(request, "model"), query_parameter(request, "format") or "json"
        if text_format not in ("json", "html"):
            raise InvalidError(f"Expected the `format` json or html, got {text_format[:20]!r}.")
        if name is not None:
            self._check_name(name)
        reports = [report for report in await self._reports() if name in (None, report["challenger"].partition(":")[0])]
        if name is not None and not reports:
            raise NoRouteError(
                f"No challenger of {name!r} is tried now. Start one: `tabento rollout start {name}:VERSION`; the history has the"
                " reasons of former ones."
            )
        request_id = request.scope[REQUEST_ID]
        if text_format == "json":
            return response(request_id, msgspec.json.encode({"reports": reports}))
        page = report_page(reports, utc_now()).encode()
        return response(request_id, page, headers=((POLICY_HEADER, PAGE_POLICY),), content_type=HTML)

    async def _change(self, request: Request) -> Response:
        """Make one change of one model."""
        body = await request_body(request, MAX_CHANGE_BYTES)
        try:
            change = parse_request(body)
        except RequestError as error:
            raise InvalidError(str(error)) from None
        author = Author(signature(request, change.user), one_line(change.reason))
        expected = expectation(request, change.revision)
        circumstances = self._circumstances()

        def edit(document: RolloutDocument) -> RolloutDocument:
            if change.name not in document.models:
                circumstances.check_name(change.name)
            return change.edit(document, author, circumstances)

        kind = kind_of(change)
        changed = await self._write(request, expected, edit, kind, author)
        logger.warning(
            "rollout: %s of %s by %s: %s",
            *(kind, change.name, author.user, author.reason),
            extra={"request_id": request.scope[REQUEST_ID].decode()},
        )
        return await self._answer(request, changed, [change.name])

    async def _replace(self, request: Request) -> Response:
        """Replace the document."""
        body = await request_body(request, self._max_document_bytes)
        try:
            new_document = read_document(body, "the body")
        except DocumentError as error:
            raise InvalidError(f"{error}.") from None
        author = Author(
            signature(request, request.headers.get(WHO_HEADER, "")), one_line(request.headers.get(WHY_HEADER, ""))
        )
        expected = expectation(request, new_document.revision)
        circumstances = self._circumstances()

        def edit(document: RolloutDocument) -> RolloutDocument:
            for name, entry in new_document.models.items():
                if name not in document.models:
                    circumstances.check_name(name)
                if self._approval and entry.challenger is not None and entry.challenger.promote == "automatic":
                    raise RefusedChangeError(
                        f"`models.{name}` asks for automatic promotion, but this service promotes only by a command"
                        " (rollout_approval)."
                    )
            return replace_all(document, new_document, author)

        changed = await self._write(request, expected, edit, "put", author)
        return await self._answer(request, changed, [*changed.models])

    async def _write(
        self,
        request: Request,
        expected: Expectation,
        edit: Callable[[RolloutDocument], RolloutDocument],
        kind: str,
        author: Author,
    ) -> RolloutDocument:
        def edit_expected(document: RolloutDocument) -> RolloutDocument:
            expected.check(document)
            return edit(document)

        change, names = self._store.change, {"user": author.user, "reason": author.reason}
        try:
            return await asyncio.to_thread(change, expected.revision, edit_expected, kind, **names)
        except StaleDocumentError as error:
            error_type = PreconditionError if "if-match" in request.headers else ConflictError
            raise error_type(str(error)) from None
        except (RolloutError, DocumentError, FileReadError) as error:
            raise _serving_error(error) from None

    def _circumstances(self) -> Circumstances:
        def live_champion(name: str) -> str | None:
            model = self._state.models.get(name)
            return None if model is None else model.bundle.tag

        return Circumstances(
            approval=self._approval,
            known_names=frozenset(self._state.known_names()),
            live_champion=live_champion,
            previous_champion=self._store.history.previous_champion,
        )

    def _check_name(self, name: str) -> None:
        try:
            self._circumstances().check_name(name)
        except UnknownModelError as error:
            raise NoRouteError(str(error)) from None

    async def _answer(self, request: Request, document: RolloutDocument, names: list[str]) -> Response:
        """Return the document, and the states of some models. Requests are answered in between: there may be 10,000 models."""
        registry = self._rollout.registry
        workers: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for (name, champion, challenger), count in (await self._workers()).items():
            if name in workers:
                workers[name].append({"champion": champion, "challenger": challenger or None, "workers": int(count)})
        statuses = {}
        for index, name in enumerate(names, 1):
            statuses[name] = {**self._rollout.status(name), "workers": workers[name]}
            if index % STATUSES_AT_ONCE == 0:
                await asyncio.sleep(0)
        overrides = await asyncio.to_thread(self._store.overrides.active, document)
        content = {
            "document": await asyncio.to_thread(document.model_dump),
            "models": statuses,
            "overrides": {name: item.since for name, item in overrides.items()},
            "faults": [
                fault
                for fault in (
                    self._rollout.source.fault,
                    None if registry is None else registry.fault,
                    self._store.history.fault,
                    self._store.overrides.fault,
                )
                if fault is not None
            ],
        }
        etag = (b"etag", await asyncio.to_thread(entity_tag, document))
        return response(
            request.scope[REQUEST_ID], await asyncio.to_thread(msgspec.json.encode, content), headers=(etag,)
        )


def _serving_error(error: Exception) -> ServingError:
    if isinstance(error, UnknownModelError):
        return InvalidError(str(error))
    if isinstance(error, DocumentError):
        return ConflictError(f"{error}. Repair it; until then the last good document stays in use.")
    return ConflictError(str(error))
