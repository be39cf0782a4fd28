"""The tracker: one parent run per pipeline run, one nested run per stage, in MLflow.

Tracking never changes a run: if the server does not answer or the database is locked, one warning is printed and the run
continues without a record. Stages in separate processes find their parent run by a file in the workspace.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pandas as pd
from pydantic import ValidationError

import training
from tabento.bundle.contract import Strict
from tabento.remote.retry import RetryPolicy
from tabento.user_name import user_name
from training.config import ModelConfig
from training.config.settings import TrainingSettings
from training.data.loader import Dataset
from training.progress import Progress
from training.registry.provenance import Origin, git_commit, origin_of
from training.registry.tracking.connection import Connection, connect
from training.registry.tracking.errors import TrackingError
from training.registry.tracking.former_place import move_former_registry
from training.registry.tracking.place import RETRY, mask_passwords, tracking_uri
from training.registry.tracking.stage_run import Link, StageRun

if TYPE_CHECKING:
    pass

T = TypeVar("T")

WORKSPACE_FILE = "tracking.json"
_DIGEST_LIMIT = 36
"""The longest digest of a data set that MLflow takes."""
_COLUMNS = {"f": "double", "i": "long", "u": "long", "b": "boolean"}
"""MLflow's name of a column's type by NumPy's kind. Other kinds are text."""
_PARAMETERS = (
    *("task", "target", "derived", "impute", "estimator", "decision", "split", "studies", "selection", "sweep"),
    *("evaluation", "seed", "slo"),
)
"""The sections of a config that are recorded as parameters. The whole config is recorded as the file ``config.json``."""


class _Parent(Strict):
    """The content of the workspace's file: the address and id of the parent run."""

    uri: str
    fingerprint: str
    run_id: str


class _StageFailedError(Exception):
    """Ends the record of a stage that has failed."""


class Tracker(StageRun):
    """The record of a whole pipeline run. It is a context manager: leaving it ends the parent run."""

    def __init__(self, link: Link, experiment_id: str, run_id: str | None) -> None:
        """Store the connection that ``open_tracker`` opened."""
        super().__init__(link, run_id)
        self._experiment_id = experiment_id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(failed=error is not None)

    @contextmanager
    def stage(self, name: str) -> Iterator[StageRun]:
        """Record a stage as a nested run. An exception marks the run as failed and is raised again."""
        parent = self.run_id
        run_id = None
        if parent is not None:
            tags = {"mlflow.parentRunId": parent, "stage": name, **_user_tags()}
            mlflow_run = self._link.attempt(
                f"begin the stage {name}",
                lambda client: client.create_run(self._experiment_id, run_name=name, tags=tags),
            )
            run_id = None if mlflow_run is None else mlflow_run.info.run_id
        run = StageRun(self._link, run_id)
        status = "FAILED"
        try:
            yield run
            status = "FINISHED"
        finally:
            _end(self._link, run.run_id, status)

    def failed_stage(self, name: str, folder: Path) -> None:
        """Record a failed stage with the files that it wrote."""
        with suppress(_StageFailedError), self.stage(name) as run:
            run.files(folder)
            raise _StageFailedError

    def data(self, origin: Dataset | Origin, train: pd.DataFrame) -> None:
        """Record the training data: source, checksum, columns and rows. Checksum and kind are also tags.

        Args:
            origin: the data set or its origin.
            train: its training part.
        """
        run_id = self.run_id
        if run_id is None:
            return
        from mlflow.entities import Dataset as Recorded
        from mlflow.entities import DatasetInput, InputTag

        origin = origin if isinstance(origin, Origin) else origin_of(origin)
        source = mask_passwords(origin.source)
        columns = [
            {"type": _COLUMNS.get(kind.kind, "string"), "name": str(name)} for name, kind in train.dtypes.items()
        ]
        recorded = Recorded(
            name=source.rsplit("/", 1)[-1] or origin.kind,
            digest=origin.sha256[:_DIGEST_LIMIT],
            source_type="code" if origin.kind == "synthetic" else "http" if "://" in source else "local",
            source=json.dumps({"uri": source}),
            schema=json.dumps({"mlflow_colspec": columns}),
            profile=json.dumps({"num_rows": len(train), "num_rows_before_split": origin.rows}),
        )
        inputs = [DatasetInput(recorded, [InputTag("mlflow.data.context", "training")])]
        self._link.attempt("record the data set", lambda client: client.log_inputs(run_id, inputs))
        self.tags({"data_sha256": origin.sha256, "data_kind": origin.kind, "data_source": source})

    def finish(self, *, failed: bool = False) -> None:
        """End the parent run. A later stage opens it again."""
        _end(self._link, self.run_id, "FAILED" if failed else "FINISHED")


class NullTracker(Tracker):
    """A tracker that records nothing."""

    def __init__(self) -> None:
        """Create a tracker without a connection."""
        super().__init__(Link(None, None), "", None)


def open_tracker(
    settings: TrainingSettings,
    config: ModelConfig,
    progress: Progress | None = None,
    *,
    fingerprint: str,
    workspace: Path | None = None,
    retry: RetryPolicy = RETRY,
) -> Tracker:
    """Begin the record of a pipeline run, or continue the record of the previous stages.

    Args:
        settings: whether and where runs are recorded.
        config: the model; the experiment has its name.
        progress: the output of warnings.
        fingerprint: the fingerprint of config, data and code. If the workspace's parent run has another, a new run is created.
        workspace: the folder in which the parent's id is kept for other processes.
        retry: the attempts of each call.

    Returns:
        The tracker; a ``NullTracker`` if tracking is off or MLflow cannot be used.
    """
    if not settings.tracking:
        return NullTracker()
    link = Link(None, progress)
    try:
        uri = tracking_uri(settings)
        move_former_registry(settings)
        link.connection = connection = connect(uri, retry=retry)
        experiment_id = connection.experiment(config.name)
        run_id = _resume_parent(connection, fingerprint, workspace)
    except TrackingError as error:
        link.give_up(error)
        return NullTracker()
    if run_id is not None:
        return Tracker(link, experiment_id, run_id)
    tags = {"config": config.name, "task": config.task, "fingerprint": fingerprint, **_user_tags()}
    if config.description:
        tags["mlflow.note.content"] = f"**{config.title}.** {config.description}"
    mlflow_run = link.attempt(
        "begin a run",
        lambda client: client.create_run(experiment_id, run_name=f"{config.name} {fingerprint[:8]}", tags=tags),
    )
    tracker = Tracker(link, experiment_id, None if mlflow_run is None else mlflow_run.info.run_id)
    tracker.params(_sections(config))
    _record_config(tracker, config)
    if tracker.run_id is not None and workspace is not None:
        _remember(_Parent(uri=mask_passwords(uri), fingerprint=fingerprint, run_id=tracker.run_id), workspace, progress)
    return tracker


def _sections(config: ModelConfig) -> dict[str, Any]:
    content = config.model_dump(mode="json", exclude_none=True)
    return {section: content[section] for section in _PARAMETERS if section in content} | {
        "features": [feature.name for feature in config.features],
        "n_features": len(config.features),
    }


def _record_config(tracker: Tracker, config: ModelConfig) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")
        tracker.files(Path(folder))


def _remember(parent: _Parent, workspace: Path, progress: Progress | None) -> None:
    """Store the address of the parent run. If the file cannot be written, later stages get another parent run."""
    path = workspace / WORKSPACE_FILE
    try:
        path.write_text(parent.model_dump_json(indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        if progress is not None:
            progress.warn(f"{path} cannot be written ({error.strerror}): later stages are recorded under another run.")


def _resume_parent(connection: Connection, fingerprint: str, workspace: Path | None) -> str | None:
    """Reopen the parent run of the previous stages and return its id; None if no parent run fits."""
    if workspace is None:
        return None
    try:
        parent = _Parent.model_validate_json((workspace / WORKSPACE_FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    if (parent.uri, parent.fingerprint) != (mask_passwords(connection.uri), fingerprint):
        return None
    run = connection.find("look the parent run up", lambda client: client.get_run(parent.run_id))
    if run is None or run.info.lifecycle_stage != "active":
        return None
    connection.call("go on with the parent run", lambda client: client.update_run(parent.run_id, status="RUNNING"))
    return parent.run_id


def _end(link: Link, run_id: str | None, status: str) -> None:
    if run_id is not None:
        link.attempt("end a run", lambda client: client.set_terminated(run_id, status))


def _user_tags() -> dict[str, str]:
    """Return the user and the code version, under the names of MLflow's tags."""
    commit = git_commit(Path(training.__file__).parents[1])
    tags = {"mlflow.user": user_name(), "mlflow.source.name": "tabento", "mlflow.source.type": "LOCAL"}
    return tags | ({"mlflow.source.git.commit": commit, "git_commit": commit} if commit else {})
