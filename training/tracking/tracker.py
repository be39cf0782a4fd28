"""The tracker: one parent run per pipeline run, one nested run per stage, in MLflow.

Tracking watches and never decides: where the server is gone or the database locked, a warning says so once and the run
goes on without a record. Stages that run as processes of their own find their parent by a file in the workspace.
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
from tenacity.wait import wait_base

import training
from bundle.contract import Strict
from training.config import ModelConfig
from training.data.loader import Dataset
from training.progress import Progress
from training.provenance import Origin, git_commit, origin_of
from training.settings import TrainingSettings
from training.tracking.connection import Connection, connect
from training.tracking.errors import TrackingError
from training.tracking.former_place import move_former_registry
from training.tracking.place import WAIT, masked, tracking_uri
from training.tracking.stage_run import Link, StageRun
from training.tracking.who import who

if TYPE_CHECKING:
    pass

T = TypeVar("T")

WORKSPACE_FILE = "tracking.json"
_DIGEST_LIMIT = 36
"""The longest digest of a data set that MLflow takes."""
_COLUMNS = {"f": "double", "i": "long", "u": "long", "b": "boolean"}
"""MLflow's name of a column's type by that of NumPy; everything else is text."""
_PARAMETERS = (
    *("task", "target", "derived", "impute", "estimator", "decision", "split", "studies", "selection", "sweep"),
    *("evaluation", "seed", "slo"),
)
"""The sections of a config that are recorded as parameters; the whole config lies beside them as ``config.json``."""


class _Parent(Strict):
    """The content of the workspace's file: where the parent run is."""

    uri: str
    fingerprint: str
    run_id: str


class _StageFailedError(Exception):
    """Ends the record of a stage that has failed."""


class Tracker(StageRun):
    """The record of a whole pipeline run. It is its own context: leaving it ends the parent run."""

    def __init__(self, link: Link, experiment_id: str, run_id: str | None) -> None:
        """Keep what ``open_tracker`` has opened."""
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
        """Record a stage as a nested run; an exception marks the run as failed and goes on its way."""
        parent = self.run_id
        run_id = None
        if parent is not None:
            tags = {"mlflow.parentRunId": parent, "stage": name, **_user_tags()}
            made = self._link.attempt(
                f"begin the stage {name}",
                lambda client: client.create_run(self._experiment_id, run_name=name, tags=tags),
            )
            run_id = None if made is None else made.info.run_id
        run = StageRun(self._link, run_id)
        status = "FAILED"
        try:
            yield run
            status = "FINISHED"
        finally:
            _end(self._link, run.run_id, status)

    def failed_stage(self, name: str, folder: Path) -> None:
        """Record a stage that has failed, with what it has written."""
        with suppress(_StageFailedError), self.stage(name) as run:
            run.files(folder)
            raise _StageFailedError

    def data(self, origin: Dataset | Origin, train: pd.DataFrame) -> None:
        """Record what the model learns from: source, checksum, columns and rows; checksum and kind as tags too.

        Args:
            origin: the data set, or where it came from.
            train: its training part.
        """
        run_id = self.run_id
        if run_id is None:
            return
        from mlflow.entities import Dataset as Recorded
        from mlflow.entities import DatasetInput, InputTag

        origin = origin if isinstance(origin, Origin) else origin_of(origin)
        source = masked(origin.source)
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
        """End the parent run; a stage that comes later opens it again."""
        _end(self._link, self.run_id, "FAILED" if failed else "FINISHED")


class NullTracker(Tracker):
    """A tracker that records nothing."""

    def __init__(self) -> None:
        """Take no server, no database, no folder."""
        super().__init__(Link(None, None), "", None)


def open_tracker(
    settings: TrainingSettings,
    config: ModelConfig,
    progress: Progress | None = None,
    *,
    fingerprint: str,
    workspace: Path | None = None,
    wait: wait_base = WAIT,
) -> Tracker:
    """Begin the record of a pipeline run, or go on with that of the stages before.

    Args:
        settings: whether and where runs are recorded.
        config: the model; the experiment has its name.
        progress: who is told where recording fails.
        fingerprint: of config, data and code: a workspace whose parent run has another one gets a new parent.
        workspace: the folder in which the parent's id is kept for other processes.
        wait: how long to wait between attempts.

    Returns:
        The tracker; a ``NullTracker`` where tracking is off or MLflow cannot be used.
    """
    if not settings.tracking:
        return NullTracker()
    link = Link(None, progress)
    try:
        uri = tracking_uri(settings)
        move_former_registry(settings)
        link.connection = connection = connect(uri, wait=wait)
        experiment_id = connection.experiment(config.name)
        run_id = _resumed(connection, fingerprint, workspace)
    except TrackingError as error:
        link.give_up(error)
        return NullTracker()
    if run_id is not None:
        return Tracker(link, experiment_id, run_id)
    tags = {"config": config.name, "task": config.task, "fingerprint": fingerprint, **_user_tags()}
    if config.description:
        tags["mlflow.note.content"] = f"**{config.title}.** {config.description}"
    made = link.attempt(
        "begin a run",
        lambda client: client.create_run(experiment_id, run_name=f"{config.name} {fingerprint[:8]}", tags=tags),
    )
    tracker = Tracker(link, experiment_id, None if made is None else made.info.run_id)
    tracker.params(_sections(config))
    _record_config(tracker, config)
    if tracker.run_id is not None and workspace is not None:
        _remember(_Parent(uri=masked(uri), fingerprint=fingerprint, run_id=tracker.run_id), workspace, progress)
    return tracker


def _sections(config: ModelConfig) -> dict[str, Any]:
    whole = config.model_dump(mode="json", exclude_none=True)
    return {section: whole[section] for section in _PARAMETERS if section in whole} | {
        "features": [feature.name for feature in config.features],
        "n_features": len(config.features),
    }


def _record_config(tracker: Tracker, config: ModelConfig) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")
        tracker.files(Path(folder))


def _remember(parent: _Parent, workspace: Path, progress: Progress | None) -> None:
    """Write down where the parent run is; where that fails, later stages get a parent of their own."""
    path = workspace / WORKSPACE_FILE
    try:
        path.write_text(parent.model_dump_json(indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        if progress is not None:
            progress.warn(
                f"{path} cannot be written ({error.strerror}): later stages are recorded as a run of their own."
            )


def _resumed(connection: Connection, fingerprint: str, workspace: Path | None) -> str | None:
    """Return the parent run of the stages before, running again; None where there is none that fits."""
    if workspace is None:
        return None
    try:
        parent = _Parent.model_validate_json((workspace / WORKSPACE_FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    if (parent.uri, parent.fingerprint) != (masked(connection.uri), fingerprint):
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
    """Return who runs which code, under the names that MLflow's pages read."""
    commit = git_commit(Path(training.__file__).parents[1])
    tags = {"mlflow.user": who(), "mlflow.source.name": "tabento", "mlflow.source.type": "LOCAL"}
    return tags | ({"mlflow.source.git.commit": commit, "git_commit": commit} if commit else {})
