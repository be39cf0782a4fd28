"""The part of the monitor that estimates the quality without truths. ``GET /quality`` shows its figures as ``estimates``."""

from __future__ import annotations

import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.estimates.figures import Estimate, cells_of, count_cells, estimate, rows_of
from monitoring.part import MonitorPart
from monitoring.quality.windows import ALL, length_s
from monitoring.records import PartHealth
from monitoring.rows import MonitoredModel, PredictedRows
from monitoring.settings import MonitoringSettings
from monitoring.snapshots import Family, Series
from tabento.bundle.errors import BundleFormatError
from tabento.bundle.expected_quality import ExpectedQuality, read_expected_quality

SLOT_S = 3600.0
"""The seconds of a slot: counts are kept by the hour of the prediction."""
SLOTS_LIMIT = 24 * 366
"""The largest number of hours that are kept of a version."""
SAVE_S = 60.0
CONFIDENCE = 0.95
FILE = "estimates.json"
MODELS_LIMIT = 100
"""The largest number of versions whose counts are kept; those with the oldest rows are forgotten."""

LABELS = ("model", "version", "variant", "metric", "window")
ESTIMATED = Family(
    "tabento_estimated_quality",
    "max",
    "Quality expected for the rows predicted in a window, estimated without truths.",
    LABELS,
)
BOUNDS = Family(
    "tabento_estimated_quality_bound",
    "max",
    "The ends of the 95% interval of the estimated quality.",
    (*LABELS, "bound"),
)

logger = logging.getLogger("monitoring.estimates")
Counts = NDArray[np.int64]
Key = tuple[str, str, str]
"""Name, version and variant."""


class CountedModel:
    """The counts of one version, by hour."""

    def __init__(self, tables: ExpectedQuality, metrics: dict[str, Any]) -> None:
        self.tables = tables
        self.metrics = metrics
        self.slots: dict[int, Counts] = {}

    def add(self, slot: int, counts: Counts) -> None:
        """Add counts to an hour, and forget hours above the limit."""
        if slot in self.slots:
            self.slots[slot] = self.slots[slot] + counts
            return
        self.slots[slot] = counts
        while len(self.slots) > SLOTS_LIMIT:
            del self.slots[min(self.slots)]

    def window(self, since_s: float) -> Counts:
        """Return the counts since a time, to the hour."""
        selection = [counts for slot, counts in self.slots.items() if (slot + 1) * SLOT_S > since_s]
        return np.sum(selection, axis=0) if selection else np.zeros(cells_of(self.tables), np.int64)


class SavedModel(msgspec.Struct):
    """The counts of one version in the file."""

    name: str
    version: str
    variant: str
    tables: dict[str, Any]
    metrics: dict[str, Any]
    slots: dict[int, list[int]]


class EstimatedQuality(MonitorPart):
    """Counts rows by the cells of the bundles' tables.

    Args:
        settings: the settings of monitoring.
        clock: the Unix time in seconds.
    """

    name = "estimates"
    families = (ESTIMATED, BOUNDS)

    def __init__(self, settings: MonitoringSettings, clock: Callable[[], float] = time.time) -> None:
        self._windows = settings.quality_windows
        self._minimum = settings.quality_min_rows
        self._path = settings.monitoring_folder / FILE
        self._clock = clock
        self._lock = threading.Lock()
        self._counted: dict[Key, CountedModel] = {}
        self._series: dict[str, Series] = {family.name: {} for family in self.families}
        self._changed = False
        self._saved_s = -math.inf
        self._fault: str | None = None
        self._load()

    def add_model(self, model: MonitoredModel) -> None:
        """Read the tables of a version; a version without tables has no estimates."""
        key = (model.name, model.version, model.variant)
        try:
            tables = read_expected_quality(model.folder, len(model.contract.features))
        except (OSError, BundleFormatError) as error:
            logger.warning("%s:%s has no estimated quality: %s", model.name, model.version, error)
            tables = None
        with self._lock:
            before = self._counted.get(key)
            if tables is None:
                self._counted.pop(key, None)
            elif before is None or before.tables != tables:
                self._counted[key] = CountedModel(tables, dict(model.metrics))
                self._forget()

    def add_rows(self, rows: PredictedRows) -> None:
        """Count rows by cell and hour."""
        model = rows.model
        counted = self._counted.get((model.name, model.version, model.variant))
        if counted is None:
            return
        numbers = rows.numbers
        if model.contract.texts:
            numbers = numbers.copy()
            numbers[:, list(model.contract.texts)] = 0.0  # a packed row has no text
        slots = np.floor(np.minimum(rows.times_s, self._clock()) / SLOT_S).astype(np.int64)
        for slot in np.unique(slots):
            mask = slots == slot
            counts = count_cells(counted.tables, numbers[mask], rows.answers[mask])
            with self._lock:
                counted.add(int(slot), counts)
        self._changed = True

    def tick(self, now_s: float) -> None:
        """Compute the metrics and write the state, once a minute if rows were added."""
        if self._changed and not 0 <= now_s - self._saved_s < SAVE_S:
            self._saved_s = now_s
            self._changed = False
            self._series = self._metrics(now_s)
            self._save()

    def numbers(self) -> dict[str, Series]:
        """Return the estimates of the windows of the settings."""
        return self._series

    def health(self) -> PartHealth | None:
        """Return degraded if the state cannot be written."""
        if self._fault is None:
            return PartHealth("estimates", "healthy", "quality is estimated")
        return PartHealth("estimates", "degraded", self._fault)

    def close(self) -> None:
        """Write the state."""
        if self._changed:
            self._save()

    def estimates(self, name: str) -> dict[str, Any]:
        """Return the estimates of a model for ``GET /quality``; it may be called in another thread."""
        now_s = self._clock()
        versions = []
        for (model, version, variant), counted in list(self._counted.items()):
            if model != name:
                continue
            windows = {
                text: {"rows": rows, "metrics": {metric: msgspec.to_builtins(item) for metric, item in figures.items()}}
                for text in self._windows
                for rows, figures in (self._window(counted, text, now_s),)
            }
            method = "dle" if counted.tables.error is not None else "cbpe"
            versions.append({"version": version, "variant": variant, "method": method, "windows": windows})
        return {"expected": versions} if versions else {}

    def _window(self, counted: CountedModel, text: str, now_s: float) -> tuple[int, dict[str, Estimate]]:
        """Return the number of rows of a window and their figures; none below the minimum of rows."""
        seconds = math.inf if text == ALL else length_s(text) or math.inf
        with self._lock:
            counts = counted.window(now_s - seconds)
        rows = rows_of(counted.tables, counts)
        if rows < self._minimum:
            return rows, {}
        figures = estimate(counted.tables, counts, CONFIDENCE)
        for metric, figure in figures.items():
            figure.test = counted.metrics.get(metric)
        return rows, figures

    def _metrics(self, now_s: float) -> dict[str, Series]:
        series: dict[str, Series] = {family.name: {} for family in self.families}
        for key, counted in self._counted.items():
            for text in self._windows:
                for metric, figure in self._window(counted, text, now_s)[1].items():
                    labels = (*key, metric, text)
                    series[ESTIMATED.name][labels] = figure.value
                    series[BOUNDS.name][*labels, "low"] = figure.low
                    series[BOUNDS.name][*labels, "high"] = figure.high
        return series

    def _forget(self) -> None:
        while len(self._counted) > MODELS_LIMIT:
            del self._counted[min(self._counted, key=lambda key: max(self._counted[key].slots, default=2**62))]

    def _load(self) -> None:
        try:
            saved = msgspec.json.decode(self._path.read_bytes(), type=list[SavedModel])
            for item in saved:
                tables = ExpectedQuality.model_validate_json(json.dumps(item.tables))
                counted = CountedModel(tables, item.metrics)
                for slot, counts in item.slots.items():
                    if len(counts) == cells_of(tables):
                        counted.slots[slot] = np.array(counts, np.int64)
                self._counted[item.name, item.version, item.variant] = counted
        except FileNotFoundError:
            return
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            logger.warning(
                "the counts of estimated quality cannot be read and begin from zero: %s", type(error).__name__
            )

    def _save(self) -> None:
        """Write the counts into a new file and rename it, so that a killed process leaves the old or the new file."""
        content = msgspec.json.encode(
            [
                SavedModel(
                    *key,
                    counted.tables.model_dump(mode="json"),
                    counted.metrics,
                    {slot: counts.tolist() for slot, counts in counted.slots.items()},
                )
                for key, counted in self._counted.items()
            ]
        )
        temporary = self._path.with_name(f"{FILE}.{os.getpid()}")
        try:
            temporary.write_bytes(content)
            temporary.replace(self._path)
            self._fault = None
        except OSError as error:
            if self._fault is None:
                logger.warning("the counts of estimated quality cannot be written: %s", error.strerror)
            self._fault = f"the counts cannot be written ({error.strerror}); they are in memory only"
            self._changed = True
            with suppress(OSError):
                temporary.unlink()
