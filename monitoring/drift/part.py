"""The part of the monitor that answers ``GET /drift``: it counts all rows and compares windows with the reference."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import msgspec

from monitoring.drift.histograms import Layout, layout_of
from monitoring.drift.state import DriftState, InUseError, SavedPane
from monitoring.drift.verdicts import level, window_report
from monitoring.drift.windows import Windows
from monitoring.errors import RequestError
from monitoring.parameters import plain_number
from monitoring.part import Answer, MonitorPart
from monitoring.privacy import Privacy
from monitoring.records import ErrorDetail, PartHealth
from monitoring.rows import MonitoredModel, PredictedRows
from monitoring.settings import PREDICTION_STATISTICS, MonitoringSettings
from monitoring.snapshots import Family, Series
from tabento.bundle.numbers import number_text

logger = logging.getLogger("tabento.monitoring")

SAVE_S = 10.0
"""The seconds between two writes of the state file."""
CLOSE_S = 3.0
LARGEST_WINDOW_ROWS = 1e15
STATES = {"too few rows": 0.0, "none": 0.0, "moderate": 1.0, "drift": 2.0}
"""The verdicts as numbers of a metric."""
PARAMETERS = ("model", "version", "window_s", "rows", "raw")
FEATURE_STATISTICS = ("mean", "min", "p05", "p95", "max")
_MODEL = ("model", "version")
_COLUMN = (*_MODEL, "feature")
FAMILIES = (
    Family("tabento_drift_psi", "max", "Population stability index of the window by rows.", _COLUMN),
    Family("tabento_drift_mean_shift", "max", "Shift of the mean in standard deviations of training.", _COLUMN),
    Family("tabento_drift_share", "max", "Share of features whose verdict is drift, larger of both windows.", _MODEL),
    Family("tabento_drifted_features", "max", "Features whose verdict is drift, larger of both windows.", _MODEL),
    Family(
        "tabento_drift_verdict", "max", "0 none or too few rows, 1 moderate, 2 drift; worse of both windows.", _MODEL
    ),
    Family("tabento_drift_rows", "max", "Rows of the window by rows.", _MODEL),
    Family("ml_feature_null_rate", "max", "Share of missing values of the window by rows.", _COLUMN),
    Family("tabento_feature_far_rate", "max", "Share of values beyond twice the maximum of training.", _COLUMN),
    Family(
        "tabento_feature_value",
        "max",
        "Values of a number in the window by rows; statistic is mean, min, p05, p95 or max.",
        (*_COLUMN, "statistic"),
    ),
    Family(
        "tabento_prediction",
        "max",
        "Answers of the window by rows; statistic is mean, std, min, p05, median, p95 or max.",
        (*_MODEL, "output", "statistic"),
    ),
    Family(
        "tabento_prediction_out_of_bounds",
        "max",
        "1 if a statistic of the answers is outside of drift_prediction_bounds; absent below drift_min_rows.",
        (*_MODEL, "output", "statistic"),
    ),
    Family("tabento_drift_save_failures", "counter", "Failed writes of the state file of drift."),
)


@dataclass
class ModelWindows:
    """The windows of one model version and its last check."""

    model: MonitoredModel
    windows: Windows
    checked_pane: int = -1
    report: dict[str, Any] = field(default_factory=dict)


class Drift(MonitorPart):
    """Drift on all rows.

    Args:
        settings: the settings ``drift_…`` and the monitoring folder.
        clock: the Unix time in seconds.
    """

    name = "drift"
    questions = ("drift",)
    families = FAMILIES

    def __init__(self, settings: MonitoringSettings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._models: dict[tuple[str, str, str], ModelWindows] = {}
        self._state = DriftState(settings.monitoring_folder)
        self._saved: list[SavedPane] = []
        self._is_open = False
        self._error: str | None = None
        self._failures = 0
        self._last_save_s = clock()
        self._executor = ThreadPoolExecutor(1, "drift-state")
        self._write: tuple[Future[None], list[tuple[Windows, set[int]]]] | None = None
        self._open()

    def add_model(self, model: MonitoredModel) -> None:
        """Prepare the windows of a model version, with its saved panes."""
        layout = layout_of(model, Privacy(model.contract, self._settings).private)
        windows = Windows(layout, self._settings.drift_pane_s, self._settings.drift_window_s)
        key = (model.name, model.version, model.variant)
        for pane in self._saved:
            is_same = (*pane[:3], pane.fingerprint, pane.pane_s) == (*key, layout.fingerprint, windows.pane_s)
            if is_same and len(pane.slots) == layout.size:
                windows.add_pane(pane.pane, pane.rows, pane.slots)
        windows.remove_old_panes(self._clock())
        self._models[key] = ModelWindows(model, windows)

    def add_rows(self, rows: PredictedRows) -> None:
        """Count rows."""
        model = rows.model
        self._models[model.name, model.version, model.variant].windows.add_rows(rows)

    def tick(self, now_s: float) -> None:
        """Check each model once a pane, and save the changed panes every few seconds."""
        pane = int(now_s // self._settings.drift_pane_s)
        for entry in self._models.values():
            if entry.checked_pane != pane:
                entry.windows.remove_old_panes(now_s)
                entry.report = self._report(entry, now_s)
                entry.checked_pane = pane
        self._finish_write()
        if self._write is None and not 0 <= now_s - self._last_save_s < SAVE_S:
            self._last_save_s = now_s
            self._start_write(now_s)

    async def answer(self, question: str, query: dict[str, str], content: bytes) -> Answer:
        """Answer the statistics of both windows of all models, or of the models of the query.

        The query has ``model``, ``version``, ``window_s`` (another window by time), ``rows`` (another window by rows) and
        ``raw=1`` (the histograms too, which ``tabento drift report`` adds up over replicas).
        """
        unknown = sorted(set(query) - set(PARAMETERS))
        if unknown:
            raise RequestError(
                f"Unknown parameter {unknown[0][:100]!r}. Use {', '.join(PARAMETERS)}.",
                details=[
                    ErrorDetail(None, unknown[0][:100], f"one of {', '.join(PARAMETERS)}", "an unknown parameter")
                ],
            )
        raw = query.get("raw", "0")
        if raw not in ("0", "1"):
            raise RequestError("Expected 0 or 1 for raw.", details=[ErrorDetail(None, "raw", "0 or 1", repr(raw[:50]))])
        window_s = _number(query, "window_s", self._settings.drift_window_s, 1.0, self._settings.drift_window_s)
        rows = int(_number(query, "rows", float(self._settings.drift_window_rows), 1.0, LARGEST_WINDOW_ROWS))
        entries = [
            entry
            for (name, version, _), entry in sorted(self._models.items())
            if query.get("model", name) == name and query.get("version", version) == version
        ]
        if not entries and ("model" in query or "version" in query):
            raise RequestError("No such model has been served since the monitor started.", status=404)
        is_raw = raw == "1"
        now_s = self._clock()
        reports = [self._report(entry, now_s, window_s, rows, is_raw) for entry in entries]
        return Answer(msgspec.json.encode({"time_s": now_s, "models": reports}))

    def numbers(self) -> dict[str, Series]:
        """Return the metrics of the last checks."""
        numbers: dict[str, Series] = {family.name: {} for family in self.families}
        numbers["tabento_drift_save_failures"][()] = float(self._failures)
        for entry in self._models.values():
            if entry.report and entry.model.variant == "champion":
                self._add_numbers(numbers, entry)
        return numbers

    def health(self) -> PartHealth | None:
        """Return ``degraded`` if the state cannot be saved: a restart would lose the windows."""
        if self._error is None:
            return PartHealth(self.name, "healthy", "")
        return PartHealth(self.name, "degraded", self._error)

    def close(self) -> None:
        """Save the changed panes and release the folder."""
        if self._write is not None:
            try:
                self._write[0].exception(CLOSE_S)
            except TimeoutError:
                logger.warning("the windows of drift are not saved: the disk does not answer")
                self._executor.shutdown(wait=False, cancel_futures=True)
                return
        self._finish_write()
        self._start_write(self._clock())
        if self._write is not None:
            try:
                self._write[0].exception(CLOSE_S)
            except TimeoutError:
                logger.warning("the last windows of drift are not saved: the disk does not answer")
            self._finish_write()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._state.close()

    def level_of(self, layout: Layout) -> float:
        """Return the level of the tests of a model."""
        settings = self._settings
        return level(len(layout.columns), settings.drift_pane_s, settings.drift_false_alarms_per_month)

    def _report(
        self,
        entry: ModelWindows,
        now_s: float,
        window_s: float | None = None,
        rows: int | None = None,
        is_raw: bool = False,
    ) -> dict[str, Any]:
        settings, layout = self._settings, entry.windows.layout
        significance = self.level_of(layout)
        report: dict[str, Any] = {
            "model": entry.model.name,
            "version": entry.model.version,
            "variant": entry.model.variant,
            "fingerprint": layout.fingerprint,
            "level": significance,
            "min_rows": settings.drift_min_rows,
            "windows": {},
        }
        windows = {
            "rows": entry.windows.by_rows(settings.drift_window_rows if rows is None else rows),
            "time": entry.windows.by_time(now_s, settings.drift_window_s if window_s is None else window_s),
        }
        for name, (count, slots) in windows.items():
            compared = window_report(layout, slots, significance, settings.drift_min_rows)
            report["windows"][name] = {"rows": count} | compared | ({"slots": slots.tolist()} if is_raw else {})
        if is_raw:
            report["reference"] = entry.model.reference.model_dump(mode="json")
            report["contract"] = entry.model.contract.model_dump(mode="json")
        return report

    def _add_numbers(self, numbers: dict[str, Series], entry: ModelWindows) -> None:
        windows = entry.report["windows"]
        labels = (entry.model.name, entry.model.version)
        numbers["tabento_drift_rows"][labels] = windows["rows"]["rows"]
        for family, key in (("tabento_drift_share", "drift_share"), ("tabento_drifted_features", "drifted_features")):
            numbers[family][labels] = max(window[key] for window in windows.values())
        numbers["tabento_drift_verdict"][labels] = max(STATES[window["verdict"]] for window in windows.values())
        for column in windows["rows"]["columns"]:
            if not column["rows"]:
                continue
            name = (*labels, column["name"])
            if column["role"] == "feature":
                numbers["ml_feature_null_rate"][name] = column["null_rate"]
                numbers["tabento_feature_far_rate"][name] = column.get("far_rate", 0.0)
                numbers["tabento_feature_value"] |= _statistics(name, column, FEATURE_STATISTICS)
            if column["role"] != "probability":
                numbers["tabento_drift_psi"][name] = column["psi"]
                if column.get("mean_shift") is not None:
                    numbers["tabento_drift_mean_shift"][name] = column["mean_shift"]
            if column["role"] == "prediction":
                numbers["tabento_prediction"] |= _statistics(name, column, PREDICTION_STATISTICS)
                if column["rows"] >= self._settings.drift_min_rows:
                    numbers["tabento_prediction_out_of_bounds"] |= self._out_of_bounds(name, column)

    def _out_of_bounds(self, name: tuple[str, ...], column: dict[str, Any]) -> Series:
        """Return 1 or 0 for each statistic that has bounds."""
        outside: Series = {}
        for statistic, (lower, upper) in self._settings.drift_prediction_bounds.get(column["name"], {}).items():
            value = column.get(statistic)
            if value is not None:
                is_outside = (lower is not None and value < lower) or (upper is not None and value > upper)
                outside[*name, statistic] = float(is_outside)
        return outside

    def _open(self) -> None:
        try:
            self._saved = self._state.open()
        except InUseError as error:
            self._error = f"the windows are not saved: {error}"
        except (OSError, sqlite3.Error) as error:
            if self._error is None:
                reason = getattr(error, "strerror", None) or type(error).__name__
                logger.error("the state of drift cannot be read: %s. It is tried again", reason)
            self._error = "the windows are not saved: the monitoring folder cannot be written"
        else:
            self._is_open, self._error = True, None

    def _start_write(self, now_s: float) -> None:
        """Give the changed panes to the thread."""
        if not self._is_open:
            self._open()
            if not self._is_open:
                self._failures += 1
                return
        panes: list[SavedPane] = []
        window_panes: list[tuple[Windows, set[int]]] = []
        for key, entry in self._models.items():
            windows = entry.windows
            for pane in sorted(windows.changed_panes & windows.panes.keys()):
                count, slots = windows.panes[pane]
                fingerprint = windows.layout.fingerprint
                panes.append(SavedPane(*key, fingerprint, windows.pane_s, pane, count, slots))
            window_panes.append((windows, windows.changed_panes))
            windows.changed_panes = set()
        if panes:
            # Panes are replaced, never changed in place, so that the thread reads the counts of this moment.
            future = self._executor.submit(self._state.save, panes, now_s - self._settings.drift_window_s)
            self._write = (future, window_panes)

    def _finish_write(self) -> None:
        """Take the result of a finished write; panes of a failed one are written again."""
        if self._write is None or not self._write[0].done():
            return
        future, window_panes = self._write
        self._write = None
        error = future.exception()
        if error is None:
            self._error = None
            return
        self._failures += 1
        self._error = "the windows are not saved: the monitoring folder cannot be written"
        logger.warning("the state of drift cannot be written: %s", type(error).__name__)
        for windows, panes in window_panes:
            windows.changed_panes |= panes


def _statistics(name: tuple[str, ...], column: dict[str, Any], statistics: Sequence[str]) -> Series:
    """Return the statistics of a column that it has: a category has none, and a private feature no smallest value."""
    return {(*name, statistic): column[statistic] for statistic in statistics if column.get(statistic) is not None}


def _number(query: dict[str, str], name: str, default: float, minimum: float, maximum: float) -> float:
    """Return a parameter between two bounds."""
    text = query.get(name)
    if text is None:
        return default
    value = plain_number(text)
    if not minimum <= value <= maximum:
        expected = f"a number from {number_text(minimum)} to {number_text(maximum)}"
        raise RequestError(
            f"Expected {expected} for {name}.", details=[ErrorDetail(None, name, expected, repr(text[:50]))]
        )
    return value
