"""The connection: the only module that calls MLflow, within time limits, without its side effects, with readable errors.

Only ``MlflowClient`` is used, never MLflow's global run: nothing is patched, nothing logs automatically, and two trackers
in one process are independent.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from tabento.remote.breakers import breaker_of
from tabento.remote.retry import RetryPolicy
from training.registry.tracking.errors import TrackingError
from training.registry.tracking.exclusive import exclusive_database
from training.registry.tracking.place import (
    RETRY,
    artifact_location,
    mask_passwords,
    require_reachable,
    sqlite_path,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(int(RETRY.timeout_s)),
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(RETRY.attempts - 1),
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "2",
    # No usage reports to third parties, and no lines of MLflow in Tabento's output.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""The settings of MLflow, unless the environment sets them."""
_LOGGERS = ("mlflow", "alembic")
_TEMPORARY = ("TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")
_INTERNAL = "INTERNAL_ERROR"
"""The code of a connection that failed, which MLflow has tried again by itself."""
_ABSENT = "RESOURCE_DOES_NOT_EXIST"
_PRESENT = "RESOURCE_ALREADY_EXISTS"


class Connection:
    """A connection to an MLflow server or database."""

    def __init__(self, uri: str, client: MlflowClient, retry: RetryPolicy) -> None:
        """Store the client that ``connect`` opened."""
        self.uri = uri
        self._client = client
        # For SQLite's lock MLflow waits 20 seconds by itself.
        self._retry = retry if sqlite_path(uri) is None else replace(retry, attempts=1)
        self._breaker = breaker_of(uri) if sqlite_path(uri) is None else None

    @property
    def name(self) -> str:
        """The address without a password, for messages."""
        return mask_passwords(self.uri)

    def call(self, action: str, function: Callable[[MlflowClient], T]) -> T:
        """Call MLflow. Repeat the call if the server or database is temporarily busy.

        Args:
            action: the verb of the message, such as ``record the metrics``.
            function: the call. It is repeated only if MLflow reports that nothing was changed.

        Raises:
            TrackingError: MLflow failed.
        """
        try:
            with silence_mlflow():
                return self._retry.run(
                    lambda: function(self._client),
                    lambda error: _code(error) in _TEMPORARY,
                    self._breaker,
                    is_failure=lambda error: _code(error) in (*_TEMPORARY, _INTERNAL, None),
                    reason=_in_words,
                )
        except Exception as error:  # MLflow passes on the errors of databases, HTTP and clouds
            raise TrackingError(f"MLflow at {self.name} could not {action}: {_in_words(error)}") from error

    def find(self, action: str, function: Callable[[MlflowClient], T]) -> T | None:
        """Call MLflow; return None if the requested entity does not exist."""
        try:
            return self.call(action, function)
        except TrackingError as error:
            if _code(error.__cause__) == _ABSENT:
                return None
            raise

    def make(self, action: str, function: Callable[[MlflowClient], T]) -> T | None:
        """Call MLflow; return None if the entity exists already."""
        try:
            return self.call(action, function)
        except TrackingError as error:
            if _code(error.__cause__) == _PRESENT:
                return None
            raise

    def experiment(self, name: str) -> str:
        """Return the id of an experiment. Create the experiment if it does not exist.

        Raises:
            TrackingError: the experiment cannot be created, or was deleted and not restored.
        """
        experiment = self.call("look an experiment up", lambda client: client.get_experiment_by_name(name))
        if experiment is None:
            experiment_id = self.make(
                f"make the experiment {name}",
                lambda client: client.create_experiment(name, artifact_location=artifact_location(self.uri)),
            )
            # None: another process has created it meanwhile.
            return self.experiment(name) if experiment_id is None else str(experiment_id)
        if experiment.lifecycle_stage != "active":
            raise TrackingError(
                f"MLflow at {self.name}: the experiment {name!r} was deleted. Restore it with"
                f" `mlflow experiments restore --experiment-id {experiment.experiment_id}`."
            )
        return str(experiment.experiment_id)


def connect(uri: str, *, retry: RetryPolicy = RETRY) -> Connection:
    """Connect to a server or database. The tables of a new or older database are created or migrated.

    Args:
        uri: from ``training.registry.tracking.place.tracking_uri``.
        retry: the attempts of each call.

    Raises:
        TrackingError: the server or database cannot be reached, or MLflow cannot use it.
    """
    require_reachable(uri, retry=retry)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        with silence_mlflow():
            from mlflow import MlflowClient
        # Silenced again, because the import of MLflow sets the level of its logger.
        with silence_mlflow(), exclusive_database(uri):
            client = MlflowClient(tracking_uri=uri, registry_uri=uri)
            if sqlite_path(uri) is not None:
                # MLflow creates or migrates the tables at the first query. Two processes must not do this at the same time.
                client.search_experiments(max_results=1)
                client.search_registered_models(max_results=1)
    except (ModuleNotFoundError, TrackingError):
        raise
    except Exception as error:  # as in ``Connection.call``
        raise TrackingError(f"MLflow cannot use {mask_passwords(uri)}: {_in_words(error)}") from error
    return Connection(uri, client, retry)


@contextmanager
def silence_mlflow() -> Iterator[None]:
    """Suppress warnings and log lines of MLflow and its libraries, because they concern MLflow's internals."""
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


def _in_words(error: BaseException) -> str:
    """Return the first line of an error. Errors of databases continue with statements and addresses."""
    lines = mask_passwords(str(error)).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'without a message'}"


def _code(error: BaseException | None) -> str | None:
    """Return MLflow's code of an error, or None."""
    code = getattr(error, "error_code", None)
    return code if isinstance(code, str) else None
