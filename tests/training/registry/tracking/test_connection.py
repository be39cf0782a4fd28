"""The connection: errors in words, absence as None, busy servers asked again, MLflow's globals left alone."""

from __future__ import annotations

import os
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE

from tests.retries import AT_ONCE
from tests.training.mlflows import mlflow_settings
from training.registry.tracking import TrackingError, connect, tracking_uri
from training.registry.tracking.connection import ENVIRONMENT, Connection


@pytest.fixture
def connection(tmp_path: Path) -> Connection:
    """A connection to an empty database."""
    return connect(tracking_uri(mlflow_settings(tmp_path)), retry=AT_ONCE)


def test_what_is_not_there_is_none(connection: Connection) -> None:
    """Only absence is None; ``call`` tells it in words."""
    assert connection.find("look it up", lambda client: client.get_registered_model("pears")) is None
    with pytest.raises(TrackingError, match=r"could not look it up: MlflowException.*pears"):
        connection.call("look it up", lambda client: client.get_registered_model("pears"))
    with pytest.raises(TrackingError, match="begin"):
        connection.find("begin", lambda client: client.create_run("no experiment"))


def test_experiment_is_made_once_and_a_deleted_one_is_told(connection: Connection) -> None:
    """The files of an experiment lie beside the database; a deleted one is not silently made again."""
    number = connection.experiment("orchard")
    assert connection.experiment("orchard") == number
    place = connection.call("look", lambda client: client.get_experiment(number)).artifact_location
    assert place.endswith("/registry/mlflow-artifacts")
    connection.call("delete", lambda client: client.delete_experiment(number))
    with pytest.raises(TrackingError, match="mlflow experiments restore"):
        connection.experiment("orchard")


@pytest.mark.parametrize(("code", "expected"), [(TEMPORARILY_UNAVAILABLE, 3), (INVALID_PARAMETER_VALUE, 1)])
def test_busy_server_is_asked_three_times(code: int, expected: int) -> None:
    """What MLflow calls temporary is tried again; anything else is not."""
    uri, calls = "https://mlflow.example.org", []

    def fail(client: MlflowClient) -> None:
        calls.append(client)
        raise MlflowException("too much to do", error_code=code)

    server = Connection(uri, MlflowClient(tracking_uri=uri), AT_ONCE)
    with pytest.raises(TrackingError, match="too much to do"):
        server.call("do it", fail)
    assert len(calls) == expected


def test_globals_of_mlflow_stay_as_they_are(connection: Connection) -> None:
    """No run is active and no address is set after recording: nothing of another library logs by accident."""
    before = mlflow.get_tracking_uri()
    experiment = connection.experiment("orchard")
    connection.call("begin", lambda client: client.create_run(experiment))
    assert mlflow.active_run() is None
    assert mlflow.get_tracking_uri() == before


def test_mlflow_is_told_to_be_quick_and_silent(connection: Connection) -> None:
    """Time limits, no usage reports, no bars: unless the environment says otherwise."""
    assert ENVIRONMENT.items() <= os.environ.items()
    assert ENVIRONMENT["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "10"
