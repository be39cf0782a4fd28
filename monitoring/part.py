"""The interface of the monitor's parts: prediction log, drift, feedback, quality, alerts."""

from __future__ import annotations

import msgspec

from monitoring.errors import RequestError
from monitoring.records import PartHealth
from monitoring.rows import Failure, MonitoredModel, PredictedRows
from monitoring.snapshots import Family, Series, Snapshot


class Answer(msgspec.Struct):
    """The answer to a client's question."""

    content: bytes
    content_type: str = "application/json"
    status: int = 200


class MonitorPart:
    """One part of the monitor; each method does nothing unless a part overrides it.

    All methods are called on the event loop of the monitor process, one at a time, and must be short: tens of milliseconds.
    Longer work goes to a thread of the part. An exception of a part is logged and counted; other parts go on.
    """

    name = "part"
    """The name of the part in messages and metrics."""
    questions: tuple[str, ...] = ()
    """The names of the questions that ``answer`` answers."""
    families: tuple[Family, ...] = ()
    """The metrics of the part."""

    def add_model(self, model: MonitoredModel) -> None:
        """Prepare for rows of another model version; called once for each object before its first rows."""

    def add_rows(self, rows: PredictedRows) -> None:
        """Take predicted rows into account."""

    def n_taken(self) -> int:
        """Return a number that grows with the rows that the part was given."""
        return 0

    def n_finished(self) -> int:
        """Return the last value of ``n_taken`` up to which all rows are written or counted as dropped. The workers count the others
        as lost if the process is killed."""
        return self.n_taken()

    def add_failures(self, failures: list[Failure]) -> None:
        """Take failed requests into account."""

    def add_worker_numbers(self, total: Snapshot) -> None:
        """Take the metrics of all workers, also of ended ones, into account; called once a second."""

    def tick(self, now_s: float) -> None:
        """Do the work that is due; called once a second.

        Args:
            now_s: the Unix time in seconds.
        """

    async def answer(self, question: str, query: dict[str, str], content: bytes) -> Answer:
        """Answer one of ``questions``.

        Raises:
            RequestError: the question cannot be answered.
        """
        raise RequestError(f"{self.name} does not answer {question}.", status=404)

    def numbers(self) -> dict[str, Series]:
        """Return the values of ``families`` by their names; called once a second."""
        return {}

    def health(self) -> PartHealth | None:
        """Return the state of the part; None if it is not a component of health."""
        return None

    def close(self) -> None:
        """Finish all work, at the latest within a few seconds; the process ends afterwards."""
