"""The two things that a command changes: the document of a running service over its admin route, or a document's file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from rollout.changes import Author, one_line
from rollout.document import DocumentError, RolloutDocument
from rollout.errors import RolloutError
from rollout.files import FileReadError
from rollout.history import HISTORY_FILE, History
from rollout.overrides import OVERRIDES_FILE, Overrides
from rollout.requests import Circumstances, RequestError, kind_of, parse_request
from rollout.store import DocumentStore
from tabento.remote.service_client import ServiceClient

PATH = "/admin/rollout"
HISTORY_PATH = f"{PATH}/history"
REPORT_PATH = f"{PATH}/report"
POLL_S = 0.2

T = TypeVar("T")
Content = dict[str, Any]
"""The content of ``GET /admin/rollout``: ``document``, and if a service answers ``models``, ``overrides`` and ``faults``."""


class Target(Protocol):
    """A document with its history."""

    def read(self, name: str | None = None) -> Content:
        """Return the document, and the state of one model or of all models in it."""
        ...

    def change(self, request: Content) -> Content:
        """Make a change; see ``rollout.requests``."""
        ...

    def history(self, name: str | None, limit: int) -> list[Content]:
        """Return the changes, the newest first."""
        ...


class FileTarget:
    """A document's file; a service that watches it follows.

    Args:
        path: the document.
    """

    def __init__(self, path: Path) -> None:
        folder = path.parent
        self._store = DocumentStore(path, History(folder / HISTORY_FILE), Overrides(folder / OVERRIDES_FILE))

    def read(self, name: str | None = None) -> Content:
        """Return the document.

        Raises:
            click.ClickException: it cannot be read.
        """
        return _content(_call(self._store.read))

    def change(self, request: Content) -> Content:
        """Make a change.

        Raises:
            click.ClickException: it is refused, or the file cannot be written.
        """
        change = _call(lambda: parse_request(request))
        author = Author(one_line(change.user), one_line(change.reason))
        # Whether a promotion needs a command is decided by each service that reads the file.
        circumstances = Circumstances(approval=False, previous_champion=self._store.history.previous_champion)

        def edit(document: RolloutDocument) -> RolloutDocument:
            return change.edit(document, author, circumstances)

        signature = {"user": author.user, "reason": author.reason}
        return _content(_call(lambda: self._store.change(change.revision, edit, kind_of(change), **signature)))

    def history(self, name: str | None, limit: int) -> list[Content]:
        """Return the changes.

        Raises:
            click.ClickException: the history cannot be read.
        """
        return [change.model_dump(mode="json") for change in _call(lambda: self._store.history.read(name, limit))]


class ServiceTarget:
    """A running service.

    Args:
        client: the client of the service.
    """

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    def read(self, name: str | None = None) -> Content:
        """Return the document and the state of its models.

        Raises:
            TabentoError: the service cannot be reached, or refuses.
        """
        content: Content = self._client.get(PATH, {"model": name})
        return content

    def change(self, request: Content) -> Content:
        """Make a change; raises as ``read`` does."""
        content: Content = self._client.post(PATH, request)
        return content

    def history(self, name: str | None, limit: int) -> list[Content]:
        """Return the changes; raises as ``read`` does."""
        changes: list[Content] = self._client.get(HISTORY_PATH, {"model": name, "limit": str(limit)})["changes"]
        return changes

    def report(self, name: str | None) -> Content:
        """Return the reports on the running trials; raises as ``read`` does."""
        content: Content = self._client.get(REPORT_PATH, {"model": name})
        return content

    def report_page(self, name: str | None) -> bytes:
        """Return the report as a page; raises as ``read`` does."""
        return self._client.get_bytes(REPORT_PATH, {"model": name, "format": "html"})

    def wait(
        self, name: str, content: Content, timeout_s: float, sleep: Callable[[float], None] = time.sleep
    ) -> Content:
        """Wait until all workers have followed a change, or one has a reason why it does not; return the last answer.

        Args:
            name: the changed model.
            content: the answer to the change.
            timeout_s: the longest wait.
            sleep: waits for a number of seconds.
        """
        revision, entry = content["document"]["revision"], content["document"]["models"].get(name)
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            content = self.read(name)
            state = content["models"][name]
            if content["document"]["revision"] != revision:
                break  # somebody else has changed the document
            if state["wanted"] == entry and not is_loading(state):
                break
            sleep(POLL_S)
        return content


def late_workers(entry: Content, workers: list[Content]) -> int:
    """Return the number of workers that have the model and other versions of it than the wanted ones.

    Args:
        entry: the wanted versions.
        workers: the number of workers by versions, from the service.
    """
    challenger = None if entry["challenger"] is None else entry["challenger"]["tag"]
    return sum(
        item["workers"] for item in workers if (item["champion"], item["challenger"]) != (entry["champion"], challenger)
    )


def is_loading(state: Content) -> bool:
    """Return whether a worker still loads a wanted version."""
    entry, live, reason = state["wanted"], state["live"], state["differs_because"]
    if entry is None or (reason is not None and ":" in reason):
        return False  # a reason that names a version
    challenger = None if entry["challenger"] is None else entry["challenger"]["tag"]
    if reason is None:
        return late_workers(entry, state.get("workers", [])) > 0
    return live["champion"] is not None and (live["champion"], live["challenger"]) != (entry["champion"], challenger)


def _content(document: RolloutDocument) -> Content:
    return {"document": document.model_dump(mode="json")}


def _call(function: Callable[[], T]) -> T:
    try:
        return function()
    except (RolloutError, RequestError, DocumentError, FileReadError) as error:
        raise click.ClickException(str(error)) from None
