"""The registry: the versions of models that passed their gates, the version that serves, and the history of that decision.

Names are imported when they are first used, so that ``tabento models --help`` does not wait for BentoML and pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.registry.errors import RegistryError
    from training.registry.registry import Registry
    from training.registry.version import CHALLENGER, CHAMPION, Version

__all__ = ["CHALLENGER", "CHAMPION", "Registry", "RegistryError", "Version"]
_MODULES = {"RegistryError": "errors", "Registry": "registry"}


def __getattr__(name: str) -> Any:
    """Import a name from the module that defines it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'version')}"), name)
