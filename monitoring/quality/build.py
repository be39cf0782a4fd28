"""The parts for feedback and live quality, each with a connection of its own to the store."""

from __future__ import annotations

from collections.abc import Callable

from monitoring.feedback.database import open_database
from monitoring.feedback.part import Feedback
from monitoring.feedback.predictions import FindLoggedRows
from monitoring.feedback.store import FeedbackStore
from monitoring.quality.part import LiveQuality
from monitoring.rows import MonitoredModel
from monitoring.settings import MonitoringSettings


def build_feedback(
    settings: MonitoringSettings,
    find_logged: FindLoggedRows | None = None,
    is_private: Callable[[MonitoredModel, str], bool] | None = None,
) -> tuple[Feedback, LiveQuality] | tuple[()]:
    """Return both parts; none if the settings say so.

    Args:
        settings: the settings of monitoring.
        find_logged: looks for rows in the prediction log; None if there is no log.
        is_private: returns whether a field of a model is private and so has no slices.
    """
    if not settings.feedback:
        return ()
    return Feedback(settings, open_store(settings), find_logged, is_private), LiveQuality(
        settings, open_store(settings)
    )


def open_store(settings: MonitoringSettings) -> FeedbackStore:
    """Return the store of the settings, for one thread. It connects when it is used."""
    url = settings.feedback_url
    return FeedbackStore(open_database(settings.monitoring_folder, None if url is None else url.get_secret_value()))
