"""The drift of logged rows: each version's rows against the training part of its bundle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import numpy as np

from monitoring.drift.histograms import Integers, Layout
from monitoring.drift.verdicts import level, window_report
from monitoring.replay.answers import logged_answers
from monitoring.replay.errors import ReplayError
from monitoring.replay.packed_rows import Record, RowPacker
from monitoring.settings import MonitoringSettings
from tabento.bundle.store import Bundle

FindBundle = Callable[[str], Bundle]
BLOCK_ROWS = 4_096
"""The number of records that are counted together."""
WINDOW = "log"
"""The name of the only window of a report."""


class LoggedDrift:
    """Counts logged rows.

    Args:
        find_bundle: returns the bundle of a tag. May raise ReplayError.
        other: the bundle whose training part all rows are compared with; None if it is that of the version that answered.
    """

    def __init__(self, find_bundle: FindBundle, other: Bundle | None = None) -> None:
        self._find_bundle = find_bundle
        self._other = other
        self._versions: dict[tuple[str, str, str], _LoggedVersion | str] = {}
        self.rows = 0
        """The number of rows that have been counted."""
        self.skipped: Counter[str] = Counter()
        """The number of rows that cannot be counted, by reason."""

    def add(self, records: Iterable[Record], progress: Callable[[int], None] | None = None) -> None:
        """Count records of rows.

        Args:
            records: the records, as ``monitoring.log.reader.read_log`` yields them.
            progress: is called with the number of records that have been read.
        """
        n_read = 0
        iterator = iter(records)
        while block := list(islice(iterator, BLOCK_ROWS)):
            groups: dict[tuple[str, str, str], list[Record]] = {}
            for record in block:
                if isinstance(record.get("features"), dict) and "prediction" in record:
                    key = (str(record["model"]), str(record["version"]), str(record.get("variant", "champion")))
                    groups.setdefault(key, []).append(record)
                else:
                    self.skipped["the record is not complete"] += 1
            for key, group in groups.items():
                if key not in self._versions:
                    self._versions[key] = self._version_of(f"{key[0]}:{key[1]}")
                version = self._versions[key]
                if isinstance(version, str):
                    self.skipped[version] += len(group)
                else:
                    self.rows += version.add(group, self.skipped)
            n_read += len(block)
            if progress is not None:
                progress(n_read)

    def reports(self, min_rows: int, settings: MonitoringSettings | None = None) -> list[dict[str, Any]]:
        """Return a report for each version, of the form of ``GET /drift`` with one window.

        It has two more keys: ``times``, the first and the last one of its rows, and ``not_compared``, the features without
        values in the log with the reason.

        Args:
            min_rows: the number of rows below which there is no verdict.
            settings: the settings that determine the level of the tests; default: the defaults.
        """
        settings = settings or MonitoringSettings()
        return [
            {"model": model, "version": name, "variant": variant}
            | version.report(min_rows, settings.drift_pane_s, settings.drift_false_alarms_per_month)
            for (model, name, variant), version in sorted(self._versions.items(), key=lambda item: item[0])
            if not isinstance(version, str) and version.rows
        ]

    def _version_of(self, tag: str) -> _LoggedVersion | str:
        """Return the counts of a version, or the reason for which its rows cannot be compared."""
        if self._other is not None:
            if tag.partition(":")[0] != self._other.name:
                return f"{tag} is not a version of {self._other.name}"
            return _LoggedVersion(self._other, checked=self._other.tag != tag)
        try:
            return _LoggedVersion(self._find_bundle(tag), checked=False)
        except ReplayError as error:
            return str(error)


class _LoggedVersion:
    """The counts of one version's rows.

    Args:
        bundle: the bundle that they are compared with.
        checked: whether the contract may refuse logged values, because another version accepted them.
    """

    def __init__(self, bundle: Bundle, *, checked: bool) -> None:
        self._bundle = bundle
        self._contract = bundle.contract
        self._names = frozenset(bundle.contract.feature_names)
        self._layout = Layout(bundle.contract, bundle.reference)
        self._packer = RowPacker(bundle.contract, 0, checked=checked)
        self._slots = self._layout.merge(())
        self._private: Counter[str] = Counter()
        self._times = ("", "")
        self.rows = 0

    def add(self, records: list[Record], skipped: Counter[str]) -> int:
        """Count records, and return the number of those that could be packed."""
        reasons: Counter[str] = Counter()
        try:
            rows, packed = self._packer.pack(records, reasons, frozenset(self._private_features(records)))
            answers = logged_answers(self._contract, packed) if packed else rows
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError):
            # A record that the service did not write. It is found by halving, so that the others are counted.
            if len(records) == 1:
                skipped["the record does not fit the contract"] += 1
                return 0
            middle = len(records) // 2
            return self.add(records[:middle], skipped) + self.add(records[middle:], skipped)
        skipped.update(reasons)
        if packed:
            self._slots = self._layout.merge((self._slots, self._layout.count(rows, answers)))
            self._private.update(self._private_features(packed))
            times = [str(record["time"]) for record in packed]
            first, last = min(times), max(times)
            self._times = (min(self._times[0] or first, first), max(self._times[1], last))
            self.rows += len(packed)
        return len(packed)

    def _private_features(self, records: Iterable[Record]) -> Counter[str]:
        """Return the number of records in which each feature is private."""
        private: Counter[str] = Counter()
        for record in records:
            if "private" in record:
                private.update(self._names.intersection(record["private"]))
        return private

    def report(self, min_rows: int, pane_s: float, false_alarms_per_month: float) -> dict[str, Any]:
        """Return the report, without the features that are private in a row or have no value in the log."""
        layout = Layout(self._contract, self._bundle.reference, hidden=self._private)
        kept_columns = [
            column for column in self._layout.columns if column.name not in self._private or column.role != "feature"
        ]
        slots: Integers = np.concatenate([self._slots[column.start : column.end] for column in kept_columns])
        significance = level(len(layout.columns), pane_s, false_alarms_per_month)
        not_compared = {name: f"private in {count:,} rows" for name, count in sorted(self._private.items())}
        for feature in self._contract.features:
            if feature.name not in not_compared and feature.type == "text":
                not_compared[feature.name] = "a text, which the log does not have"
            elif feature.name not in not_compared and feature.name not in self._bundle.reference.features:
                not_compared[feature.name] = "not in the reference of the bundle"
        return {
            "reference": self._bundle.tag,
            "level": significance,
            "min_rows": min_rows,
            "times": list(self._times),
            "not_compared": not_compared,
            "windows": {WINDOW: {"rows": self.rows} | window_report(layout, slots, significance, min_rows)},
        }
