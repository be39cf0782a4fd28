"""The parts of the monitor process."""

from __future__ import annotations

from functools import partial

from monitoring.alerts.part import Alerts
from monitoring.drift.part import Drift
from monitoring.estimates.part import EstimatedQuality
from monitoring.log.part import LOG_FOLDER, PredictionLog
from monitoring.log.reader import find_answers
from monitoring.part import MonitorPart
from monitoring.privacy import Privacy
from monitoring.quality.build import build_feedback
from monitoring.rows import MonitoredModel
from monitoring.settings import MonitoringSettings


def build_parts(settings: MonitoringSettings) -> list[MonitorPart]:
    """Return the parts in the order in which they see the rows.

    Args:
        settings: the settings; ``monitoring_folder`` exists, or could not be made, which each part handles by itself.
    """
    if not settings.monitoring:
        return []
    parts: list[MonitorPart] = []
    find_logged = None
    if settings.prediction_log:
        parts.append(PredictionLog(settings))
        find_logged = partial(find_answers, settings.monitoring_folder / LOG_FOLDER)
    if settings.drift:
        parts.append(Drift(settings))
    estimates = EstimatedQuality(settings)
    parts.append(estimates)
    if feedback := build_feedback(settings, find_logged, partial(_is_private, settings)):
        quality = feedback[1]
        quality.extra.append(estimates.estimates)
        parts += feedback
    if settings.alerts:
        parts.append(Alerts(settings, list(parts)))  # the last one: it reads the numbers of all others
    return parts


def _is_private(settings: MonitoringSettings, model: MonitoredModel, field: str) -> bool:
    """Return whether the values of a field are not written as they are."""
    return Privacy(model.contract, settings).treatment(field) != "log"
