"""The recorder of a worker: a list of records, which goes to the monitor process a few times a second.

A prediction appends one record to a list. All other work is done for many records at once: one call of the encoder and one
write to a socket.
"""

from __future__ import annotations

import asyncio
from time import perf_counter, time

from monitoring.link import MonitorLink
from monitoring.records import FailureRecord, PredictionRecord, Records

FLUSH_S = 0.25
"""The seconds after which records are sent at the latest."""
FLUSH_ROWS = 128
"""The number of rows that are sent at once. Encoding them takes some 50 µs, which other requests wait."""


class Recorder:
    """Keeps the records of a worker until they are sent.

    Args:
        link: the connection to the monitor process.
    """

    def __init__(self, link: MonitorLink) -> None:
        self.link = link
        self.rows = 0
        """The number of predicted rows that were recorded."""
        self._predictions: list[PredictionRecord] = []
        self._failures: list[FailureRecord] = []
        self._n_rows = 0
        self._timer: asyncio.TimerHandle | None = None

    def record(self, record: PredictionRecord) -> None:
        """Keep the record of an answered request."""
        self._predictions.append(record)
        self._n_rows += record.count
        if self._n_rows >= FLUSH_ROWS:
            self.flush()

    def record_failure(self, record: FailureRecord) -> None:
        """Keep the record of a request that got an error."""
        self._failures.append(record)
        if len(self._failures) >= FLUSH_ROWS:
            self.flush()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send the records now, and at intervals from now on."""
        self.flush()
        self._timer = loop.call_later(FLUSH_S, self.start, loop)

    def flush(self) -> None:
        """Send all records."""
        if not self._predictions and not self._failures:
            return
        rows, self._n_rows = self._n_rows, 0
        self.rows += rows
        records = Records(time() - perf_counter(), self._predictions, self._failures)
        self._predictions, self._failures = [], []
        self.link.send_records(records, rows)

    def stop(self) -> None:
        """Send the last records."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.flush()
