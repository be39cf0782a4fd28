"""A bundle that answers by hand-checkable arithmetic, and a real server of it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from bentoml._internal.utils.args import set_arguments

from serving.application import Application
from tests.conftest import bentoml_home
from tests.servers import running


@pytest.fixture(scope="session")
def service_module(session_store: Path, linear_bundle: str) -> ModuleType:
    """``service.py``, told to serve the linear bundle."""
    with bentoml_home(session_store), pytest.MonkeyPatch.context() as patch:
        # The server shares its thread's time with its clients here: nothing is to be refused for being slow.
        patch.setenv("TABENTO_SLO_P99_MS", "60000")
        patch.setenv("TABENTO_DRAIN_S", "0")
        set_arguments({"model": linear_bundle})
        return importlib.import_module("service")


@pytest.fixture(scope="session")
def application(service_module: ModuleType) -> Application:
    """The application that the server answers with."""
    made: Application = service_module.Tabento.to_asgi()
    return made


@pytest.fixture(scope="session")
def server(session_store: Path, application: Application) -> Iterator[str]:
    """The address of a real server of the linear bundle."""
    with bentoml_home(session_store), running(application) as address:
        yield address


@pytest.fixture
def client(server: str) -> Iterator[httpx.Client]:
    """An HTTP client of that server."""
    with httpx.Client(base_url=server, timeout=30) as client:
        yield client
