"""The registry: versions of models that passed their gates, which of them serves, and since when, by whom, why."""

from training.registry.errors import RegistryError
from training.registry.registry import Registry
from training.registry.version import CHALLENGER, CHAMPION, Version

__all__ = ["CHALLENGER", "CHAMPION", "Registry", "RegistryError", "Version"]
