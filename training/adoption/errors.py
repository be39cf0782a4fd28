"""Why a pipeline is not adopted. Faults of the sample's cells, of the export and of the proof have classes of their own."""

from __future__ import annotations

from training.errors import TrainingError


class AdoptionError(TrainingError):
    """A file, a sample or a config cannot be adopted; the message says why and what to do next."""
