"""The counts of the cascade, for metrics and for the status of a rollout."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

from rollout.cascade.errors import Result


@dataclass(frozen=True)
class SourceReport:
    """The result of one source in the fetch of one bundle."""

    kind: str
    """``local``, ``object_store`` or ``registry``."""
    source: str
    """The address without secrets; empty for the local store."""
    result: Result
    reason: str = ""
    """The reason, if the source did not deliver; a clause without secrets."""
    seconds: float = 0.0


class FetchCounts:
    """The results of all sources since the start. It may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._results: Counter[tuple[str, Result]] = Counter()
        self._bytes = 0
        self._unchecked = 0

    def add(self, report: SourceReport) -> None:
        """Count the result of a source."""
        with self._lock:
            self._results[report.kind, report.result] += 1

    def add_bytes(self, n_bytes: int) -> None:
        """Count the bytes of a bundle that was fetched."""
        with self._lock:
            self._bytes += n_bytes

    def add_unchecked(self) -> None:
        """Count a bundle whose manifest was not compared, because the registry did not answer."""
        with self._lock:
            self._unchecked += 1

    @property
    def results(self) -> dict[tuple[str, Result], int]:
        """The number of results by the source's kind and the result."""
        with self._lock:
            return dict(self._results)

    @property
    def n_bytes(self) -> int:
        """The bytes of all bundles that were fetched into the local store."""
        return self._bytes

    @property
    def n_unchecked(self) -> int:
        """The number of bundles that were used without a comparison with the registry, because it did not answer."""
        return self._unchecked
