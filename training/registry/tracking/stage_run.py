"""One run in MLflow: the parameters, metrics and files of a stage. After the first error nothing more is recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from training.config import Decisions
from training.progress import Progress
from training.registry.tracking.connection import Connection
from training.registry.tracking.errors import TrackingError
from training.registry.tracking.names import flatten, key, keys, text

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

FILE_LIMIT_BYTES = 64 << 20
"""Larger files of a stage are not recorded; the bundle is recorded when it is registered."""
_BATCH = 100
"""The number of parameters, metrics or tags that MLflow accepts in one call."""


class Link:
    """A connection until the first error; then None."""

    def __init__(self, connection: Connection | None, progress: Progress | None) -> None:
        self.connection = connection
        self._progress = progress

    def attempt(self, action: str, function: Callable[[MlflowClient], T]) -> T | None:
        """Call MLflow. If the call fails, warn once and make no further calls."""
        if self.connection is None:
            return None
        try:
            return self.connection.call(action, function)
        except TrackingError as error:
            self.give_up(error)
            return None

    def give_up(self, error: Exception) -> None:
        """Warn, and record nothing more."""
        self.connection = None
        if self._progress is not None:
            self._progress.warn(f"{error}\nThe run continues and is not recorded from here on.")


class StageRun:
    """The record of one run: of a stage or of the parent."""

    def __init__(self, link: Link, run_id: str | None) -> None:
        """Record under a run's id. Without an id, nothing is recorded."""
        self._link = link
        self._run_id = run_id

    @property
    def run_id(self) -> str | None:
        """The run's id in MLflow; None if nothing is recorded."""
        return self._run_id if self._link.connection is not None else None

    def params(self, values: Mapping[str, Any]) -> None:
        """Record parameters, nested ones as ``section.key``. A recorded parameter cannot be changed."""
        self._batches("record parameters", "params", lambda kinds: list(starmap(kinds.Param, flatten(values).items())))

    def decisions(self, decisions: Decisions) -> None:
        """Record decisions as parameters under ``decided``."""
        self.params({"decided": decisions.model_dump(mode="json")})

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record metrics. MLflow plots them by ``step``."""
        now_ms = int(time.time() * 1000)
        self._batches(
            "record metrics",
            "metrics",
            lambda kinds: [kinds.Metric(name, value, now_ms, step) for name, value in keys(values).items()],
        )

    def tags(self, values: Mapping[str, Any]) -> None:
        """Record tags. An existing tag is changed."""
        self._batches(
            "record tags",
            "tags",
            lambda kinds: [kinds.RunTag(key(name), text(value)) for name, value in values.items()],
        )

    def files(self, folder: Path, into: str | None = None) -> None:
        """Record the files of a folder. A tag lists the files above 64 MiB, which are not recorded.

        Args:
            folder: the folder, including its subfolders.
            into: the target folder in the run; by default the run's top folder.
        """
        left_out = []
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if not path.is_file() or path.is_symlink():
                continue
            if path.stat().st_size > FILE_LIMIT_BYTES:
                left_out.append(name.as_posix())
                continue
            place = Path(into or "") / name.parent
            self._upload(path, place.as_posix() if place.parts else None)
        if left_out:
            self.tags({"files_left_out": ", ".join(left_out)})

    def _upload(self, path: Path, place: str | None) -> None:
        run_id = self.run_id
        if run_id is not None:
            self._link.attempt(
                f"record the file {path.name}", lambda client: client.log_artifact(run_id, str(path), place)
            )

    def _batches(self, action: str, kind: str, make: Callable[[Any], list[Any]]) -> None:
        """Record entities. ``mlflow.entities`` is imported only if something is recorded, because the import takes seconds."""
        run_id = self.run_id
        if run_id is None:
            return
        import mlflow.entities

        entities = make(mlflow.entities)
        for start in range(0, len(entities), _BATCH):
            batch = {kind: entities[start : start + _BATCH]}

            def log(client: MlflowClient, batch: dict[str, list[Any]] = batch) -> None:
                client.log_batch(run_id, **batch)

            self._link.attempt(action, log)
