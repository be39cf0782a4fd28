"""Every way in which a run can end without a bundle. Faults of data, export and bundles have classes of their own."""

from __future__ import annotations


class TrainingError(Exception):
    """A run cannot go on; the message says why and what to do next."""


class GateError(TrainingError):
    """The model misses a limit of its config's gate; it is not stored."""


class SaveError(TrainingError):
    """A checked model could not be stored, or what was stored does not answer as the pipeline does; nothing remains."""
