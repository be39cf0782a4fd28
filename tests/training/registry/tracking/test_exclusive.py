"""Processes that begin at once on a fresh machine share one database and one experiment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS

from tests.retries import AT_ONCE
from tests.training.mlflows import mlflow_settings
from training.registry.tracking import TrackingError, connect, tracking_uri
from training.registry.tracking.exclusive import exclusive_database

pytestmark = pytest.mark.slow

FIRST = """
import sys
from training.registry.tracking import connect
print("ready", flush=True)
sys.stdin.readline()
connection = connect(sys.argv[1])
run = connection.call("make", lambda client: client.create_run(connection.experiment("orchard")))
print(run.info.run_id)
"""


def test_two_processes_make_one_database(tmp_path: Path) -> None:
    """Both records are there, though both processes met a database that did not exist."""
    uri = f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"
    command = [sys.executable, "-W", "ignore", "-c", FIRST, uri]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    # `communicate` would wait for the first to end before the second begins.
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], [errors for _, errors in outputs]
    run_ids = {out.strip() for out, _ in outputs}
    connection = connect(uri, retry=AT_ONCE)
    number = connection.experiment("orchard")
    runs = connection.call("look", lambda client: client.search_runs([number]))
    assert {run.info.run_id for run in runs} == run_ids
    assert len(run_ids) == 2


def test_an_experiment_that_another_made_in_between_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server there is no lock: whoever comes second takes the experiment of the first."""
    connection = connect(tracking_uri(mlflow_settings(tmp_path)), retry=AT_ONCE)
    client, create = connection._client, connection._client.create_experiment

    def beaten(name: str, **options: object) -> str:
        create(name, **options)
        raise MlflowException(f"{name} exists", error_code=RESOURCE_ALREADY_EXISTS)

    monkeypatch.setattr(client, "create_experiment", beaten)
    assert connection.experiment("orchard") == client.get_experiment_by_name("orchard").experiment_id


def test_a_server_is_not_locked(tmp_path: Path) -> None:
    """Only a database in a file needs the lock; nothing is written for another."""
    with exclusive_database("https://mlflow.example.org"), exclusive_database("https://mlflow.example.org"):
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The message names the lock's file."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(TrackingError, match=r"mlflow\.db\.lock cannot be written"),
        exclusive_database(f"sqlite:///{tmp_path}/file/mlflow.db"),
    ):
        pass


def test_a_block_inside_a_block_runs_on(tmp_path: Path) -> None:
    """A process never waits for itself, and the lock is free again afterwards."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for _ in range(2):
        with exclusive_database(uri), exclusive_database(uri):
            pass
