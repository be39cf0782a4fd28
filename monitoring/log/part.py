"""The prediction log as a part of the monitor process."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from monitoring.log.row_lines import RowEncoder, encode_failures, sample
from monitoring.log.upkeep import FsspecUpload, Upkeep
from monitoring.log.writer import Batch, LogWriter
from monitoring.part import MonitorPart
from monitoring.privacy import Privacy
from monitoring.records import PartHealth
from monitoring.rows import Failure, MonitoredModel, PredictedRows
from monitoring.settings import MonitoringSettings
from monitoring.snapshots import Family, Series

LOG_FOLDER = "log"
"""The folder of the log in ``monitoring_folder``."""
DAY_S = 86_400.0
ROW_BYTES = 700
"""The memory of a row that waits, without its numbers: its ids, times and lists, about."""
RECENT_S = 60.0
"""The seconds after dropped records in which the log is degraded."""
SLOW_S = 30.0
"""The seconds of waiting for the disk above which the log is degraded."""
STOP_S = 2.0
"""The seconds in which the last records are written, and again in which the last segment is sealed."""


class PredictionLog(MonitorPart):
    """Writes a record of every predicted row and every refused request.

    Args:
        settings: the settings.
        clock: the Unix time in seconds.
    """

    name = "prediction log"
    families = (
        Family("tabento_log_rows", "counter", "Predicted rows by what the prediction log did with them.", ("result",)),
        Family("tabento_log_errors", "counter", "Refused requests by what the log did with them.", ("result",)),
        Family(
            "tabento_log_lag_seconds",
            "max",
            "Age of the newest logged row when it was written, or the time for which rows wait.",
        ),
        Family("tabento_log_bytes", "sum", "Bytes of the prediction log on this machine."),
    )

    def __init__(self, settings: MonitoringSettings, clock: Callable[[], float] = time.time) -> None:
        folder = settings.monitoring_folder / LOG_FOLDER
        url = settings.prediction_log_url
        self.upkeep = Upkeep(
            folder,
            keep_bytes=settings.prediction_log_keep_bytes,
            keep_s=settings.prediction_log_keep_days * DAY_S,
            upload=None if url is None else FsspecUpload(url.get_secret_value()),
            clock=clock,
        )
        self.writer = LogWriter(
            folder,
            segment_bytes=settings.prediction_log_segment_bytes,
            segment_s=settings.prediction_log_segment_s,
            buffer_bytes=settings.prediction_log_buffer_bytes,
            end_segment=self.upkeep.wake,
            clock=clock,
        )
        self._share = settings.prediction_log_share
        self._settings = settings
        self._encoders: dict[int, RowEncoder] = {}
        self._models: list[MonitoredModel] = []
        self._sampled_out = 0
        self.writer.start()
        self.upkeep.start()

    def add_model(self, model: MonitoredModel) -> None:
        """Prepare the encoder of a model's rows."""
        self._encoders[id(model)] = RowEncoder(model, Privacy(model.contract, self._settings), self._share)
        self._models.append(model)  # an id stays unique as long as its object exists

    def add_rows(self, rows: PredictedRows) -> None:
        """Write the rows of the sampled requests."""
        if self._share < 1:
            kept_rows = sample(rows, self._share)
            self._sampled_out += rows.count - (0 if kept_rows is None else kept_rows.count)
            if kept_rows is None:
                return
            rows = kept_rows
        n_bytes = rows.numbers.nbytes + rows.terms.nbytes + rows.answers.nbytes + ROW_BYTES * rows.count
        if rows.model.contract.identifiers:
            n_bytes += sum(map(len, rows.identifiers))
        encoder = self._encoders[id(rows.model)]
        self.writer.put(Batch(partial(encoder.encode, rows), rows.count, n_bytes, "rows", float(rows.times_s[-1])))

    def n_taken(self) -> int:
        """Return the number of batches that were given to the writer."""
        return self.writer.n_taken

    def n_finished(self) -> int:
        """Return how many of them are written or dropped."""
        return self.writer.n_finished()

    def add_failures(self, failures: list[Failure]) -> None:
        """Write all refused requests."""
        count = len(failures)
        self.writer.put(
            Batch(partial(encode_failures, failures), count, count * ROW_BYTES, "errors", failures[-1].time_s)
        )

    def numbers(self) -> dict[str, Series]:
        """Return the metrics of the log."""
        n_written, n_dropped = self.writer.written, self.writer.dropped
        return {
            "tabento_log_rows": {
                ("written",): n_written["rows"],
                ("dropped",): n_dropped["rows"],
                ("sampled_out",): self._sampled_out,
            },
            "tabento_log_errors": {("written",): n_written["errors"], ("dropped",): n_dropped["errors"]},
            "tabento_log_lag_seconds": {(): max(self.writer.lag_s, self.writer.waiting_s())},
            "tabento_log_bytes": {(): self.upkeep.n_bytes},
        }

    def health(self) -> PartHealth:
        """Return ``degraded`` if records cannot be written, wait for long, or were dropped in the last minute."""
        writer = self.writer
        dropped = sum(writer.dropped.values())
        if writer.failure is not None:
            message = f"it cannot be written: {writer.failure}; {writer.waiting} records wait, {dropped} were dropped"
        elif writer.dropped_s is not None and time.monotonic() - writer.dropped_s < RECENT_S:
            message = f"records come faster than the disk takes them; {dropped} were dropped"
        elif writer.waiting_s() > SLOW_S:
            message = f"the disk is slow: records wait for {writer.waiting_s():.0f} s"
        elif self.upkeep.failure is not None:
            message = f"segments cannot be compressed, uploaded or removed: {self.upkeep.failure}"
        else:
            return PartHealth(self.name, "healthy", "")
        return PartHealth(self.name, "degraded", message)

    def close(self) -> None:
        """Write the last records, and seal and upload the last segment."""
        self.writer.stop(STOP_S)
        self.upkeep.stop(STOP_S)
