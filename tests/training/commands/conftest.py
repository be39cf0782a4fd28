"""Fixtures that the tests of commands share with those of the rooms below."""

from tests.training.registry.conftest import registry as registry
from tests.training.registry.conftest import settings as settings
