"""One run in MLflow: what a stage is given, decides, finds and writes; silent from the first thing that goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from training.config import Decisions
from training.progress import Progress
from training.tracking.connection import Connection
from training.tracking.errors import TrackingError
from training.tracking.names import flatten, key, keys, text

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

FILE_LIMIT_BYTES = 64 << 20
"""Larger files of a stage stay where they are; the bundle is recorded when it is registered."""
_BATCH = 100
"""How many parameters, metrics or tags MLflow takes at once."""


class Link:
    """A connection until something goes wrong, then none."""

    def __init__(self, connection: Connection | None, progress: Progress | None) -> None:
        self.connection = connection
        self._progress = progress

    def attempt(self, what: str, function: Callable[[MlflowClient], T]) -> T | None:
        """Do something with MLflow; if that fails, say so once and do nothing from then on."""
        if self.connection is None:
            return None
        try:
            return self.connection.call(what, function)
        except TrackingError as error:
            self.give_up(error)
            return None

    def give_up(self, error: Exception) -> None:
        """Warn, and record nothing more."""
        self.connection = None
        if self._progress is not None:
            self._progress.warn(f"{error}\nThe run goes on; from here on it is not recorded.")


class StageRun:
    """The record of one run: a stage's, or the parent's."""

    def __init__(self, link: Link, run_id: str | None) -> None:
        """Record under a run's id; without one nothing is recorded."""
        self._link = link
        self._run_id = run_id

    @property
    def run_id(self) -> str | None:
        """The run's id in MLflow; None where nothing is recorded."""
        return self._run_id if self._link.connection is not None else None

    def params(self, values: Mapping[str, Any]) -> None:
        """Record parameters, nested ones as ``section.key``. One that is recorded already cannot be changed."""
        self._batches("record parameters", "params", lambda kinds: list(starmap(kinds.Param, flatten(values).items())))

    def decisions(self, decisions: Decisions) -> None:
        """Record what is decided so far, as parameters under ``decided``."""
        self.params({"decided": decisions.model_dump(mode="json")})

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record figures; those of a later ``step`` are drawn behind those of an earlier one."""
        now_ms = int(time.time() * 1000)
        self._batches(
            "record metrics",
            "metrics",
            lambda kinds: [kinds.Metric(name, value, now_ms, step) for name, value in keys(values).items()],
        )

    def tags(self, values: Mapping[str, Any]) -> None:
        """Record tags; a tag that is there is changed."""
        self._batches(
            "record tags",
            "tags",
            lambda kinds: [kinds.RunTag(key(name), text(value)) for name, value in values.items()],
        )

    def files(self, folder: Path, into: str | None = None) -> None:
        """Record a folder's files, plots and reports as they are; those above 64 MiB are named in a tag instead.

        Args:
            folder: its files and those of its folders.
            into: the folder that gets them in the run; by default the run's own.
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

    def _batches(self, what: str, kind: str, make: Callable[[Any], list[Any]]) -> None:
        """Record entities, made of ``mlflow.entities`` only where something is recorded: importing it takes seconds."""
        run_id = self.run_id
        if run_id is None:
            return
        import mlflow.entities

        entities = make(mlflow.entities)
        for start in range(0, len(entities), _BATCH):
            batch = {kind: entities[start : start + _BATCH]}

            def log(client: MlflowClient, batch: dict[str, list[Any]] = batch) -> None:
                client.log_batch(run_id, **batch)

            self._link.attempt(what, log)
