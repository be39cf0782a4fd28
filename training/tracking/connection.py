"""The connection: the one place that calls MLflow, within time limits, without its side effects, with errors in words.

Only ``MlflowClient`` is used, never MLflow's global run: nothing is patched, nothing logs by itself, and two trackers in
one process do not meet.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import tenacity
from tenacity.wait import wait_base

from training.tracking.errors import TrackingError
from training.tracking.exclusive import exclusive_database
from training.tracking.place import ATTEMPTS, TIMEOUT_S, WAIT, artifact_location, masked, require_reachable, sqlite_path

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(int(TIMEOUT_S)),
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(ATTEMPTS - 1),
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "2",
    # Neither usage reports to third parties nor lines of its own between ours.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""How MLflow behaves, where the environment does not say otherwise."""
_LOGGERS = ("mlflow", "alembic")
_TEMPORARY = ("TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")
_ABSENT = "RESOURCE_DOES_NOT_EXIST"
_PRESENT = "RESOURCE_ALREADY_EXISTS"


class Connection:
    """An MLflow server or database that has answered."""

    def __init__(self, uri: str, client: MlflowClient, wait: wait_base) -> None:
        """Keep what ``connect`` has opened."""
        self.uri = uri
        self._client = client
        self._wait = wait

    @property
    def name(self) -> str:
        """The address without a password, for messages."""
        return masked(self.uri)

    def call(self, what: str, function: Callable[[MlflowClient], T]) -> T:
        """Let MLflow do something; a server or database that is busy for the moment is asked again.

        Args:
            what: what is done, for the message, as in ``record the metrics``.
            function: does it with the client; it is called again only where MLflow says that nothing was done.

        Raises:
            TrackingError: MLflow could not.
        """
        attempts = tenacity.Retrying(
            # For SQLite's lock MLflow waits 20 seconds by itself.
            stop=tenacity.stop_after_attempt(ATTEMPTS if sqlite_path(self.uri) is None else 1),
            wait=self._wait,
            retry=tenacity.retry_if_exception(lambda error: _code(error) in _TEMPORARY),
            reraise=True,
        )
        try:
            with quiet():
                return attempts(function, self._client)
        except Exception as error:  # databases, HTTP and clouds have errors of their own, which MLflow lets through
            raise TrackingError(f"MLflow at {self.name} could not {what}: {_in_words(error)}") from error

    def find(self, what: str, function: Callable[[MlflowClient], T]) -> T | None:
        """Do as ``call`` does, and return None where MLflow does not have what is asked for."""
        try:
            return self.call(what, function)
        except TrackingError as error:
            if _code(error.__cause__) == _ABSENT:
                return None
            raise

    def make(self, what: str, function: Callable[[MlflowClient], T]) -> T | None:
        """Do as ``call`` does, and return None if MLflow has it already."""
        try:
            return self.call(what, function)
        except TrackingError as error:
            if _code(error.__cause__) == _PRESENT:
                return None
            raise

    def experiment(self, name: str) -> str:
        """Return the id of an experiment, which is made where it is not there.

        Raises:
            TrackingError: it cannot be made, or was deleted and not restored.
        """
        found = self.call("look an experiment up", lambda client: client.get_experiment_by_name(name))
        if found is None:
            made = self.make(
                f"make the experiment {name}",
                lambda client: client.create_experiment(name, artifact_location=artifact_location(self.uri)),
            )
            # None: another process has made it in between.
            return self.experiment(name) if made is None else str(made)
        if found.lifecycle_stage != "active":
            raise TrackingError(
                f"MLflow at {self.name}: the experiment {name!r} was deleted. Restore it with"
                f" `mlflow experiments restore --experiment-id {found.experiment_id}`."
            )
        return str(found.experiment_id)


def connect(uri: str, *, wait: wait_base = WAIT) -> Connection:
    """Open a server or database; the tables of a new or older database are made.

    Args:
        uri: from ``training.tracking.place.tracking_uri``.
        wait: how long to wait between attempts.

    Raises:
        TrackingError: it cannot be reached, or MLflow cannot work with it.
    """
    require_reachable(uri, wait=wait)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        with quiet():
            from mlflow import MlflowClient
        # Once more, because its import sets the level of its logger.
        with quiet(), exclusive_database(uri):
            client = MlflowClient(tracking_uri=uri, registry_uri=uri)
            if sqlite_path(uri) is not None:
                # MLflow makes or updates the tables at the first question, and two processes at once break each other's.
                client.search_experiments(max_results=1)
                client.search_registered_models(max_results=1)
    except (ModuleNotFoundError, TrackingError):
        raise
    except Exception as error:  # as in ``Connection.call``
        raise TrackingError(f"MLflow cannot use {masked(uri)}: {_in_words(error)}") from error
    return Connection(uri, client, wait)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings and log lines of MLflow and its libraries from people: they are about MLflow's own inside."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.level for logger in loggers]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _in_words(error: Exception) -> str:
    """Return an error in one line: those of databases go on with statements and addresses."""
    lines = masked(str(error)).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'without a message'}"


def _code(error: BaseException | None) -> str | None:
    """Return MLflow's code of an error, if it has one."""
    code = getattr(error, "error_code", None)
    return code if isinstance(code, str) else None
