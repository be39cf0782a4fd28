"""Tracking: the record of a run in MLflow: settings, decisions and results. It never changes the run."""

from training.registry.tracking.connection import Connection, connect
from training.registry.tracking.errors import TrackingError
from training.registry.tracking.former_place import move_former_registry
from training.registry.tracking.place import tracking_uri
from training.registry.tracking.stage_run import StageRun
from training.registry.tracking.tracker import NullTracker, Tracker, open_tracker

__all__ = [
    "Connection",
    "NullTracker",
    "StageRun",
    "Tracker",
    "TrackingError",
    "connect",
    "move_former_registry",
    "open_tracker",
    "tracking_uri",
]
