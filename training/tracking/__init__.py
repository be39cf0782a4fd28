"""Tracking: what a run was given, decided and found, recorded in MLflow without taking part in it."""

from training.tracking.connection import Connection, connect
from training.tracking.errors import TrackingError
from training.tracking.former_place import move_former_registry
from training.tracking.place import tracking_uri
from training.tracking.stage_run import StageRun
from training.tracking.tracker import NullTracker, Tracker, open_tracker

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
