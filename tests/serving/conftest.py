"""Bundles that answer by hand-checkable arithmetic, a number or a label, and real servers of them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import bentoml.models
import httpx
import pytest
from bentoml._internal.utils.args import set_arguments

from serving.application import Application
from tabento.bundle.contract import Contract
from tabento.bundle.format import BENTOML_MODULE
from tests.bundles import classifier_contract, write_bundle
from tests.conftest import bentoml_home
from tests.servers import load_service, running


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
    asgi_application: Application = service_module.Tabento.to_asgi()
    return asgi_application


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


def _store(contract: Contract) -> str:
    """Put a bundle of a contract into the store, and return its tag."""
    with bentoml.models.create(contract.name, module=BENTOML_MODULE) as stored:
        write_bundle(Path(stored.path), contract)
    return str(stored.tag)


@pytest.fixture(scope="session")
def harvest() -> Contract:
    """The contract of a classifier that answers probabilities."""
    return classifier_contract()


@pytest.fixture(scope="session")
def harvest_bundle(session_store: Path, harvest: Contract) -> str:
    """The tag of its bundle."""
    with bentoml_home(session_store):
        return _store(harvest)


@pytest.fixture(scope="session")
def harvest_module(session_store: Path, harvest_bundle: str) -> ModuleType:
    """``service.py``, told to serve the classifier."""
    with bentoml_home(session_store):
        return load_service(harvest_bundle, "service_of_harvest")


@pytest.fixture(scope="session")
def harvest_application(harvest_module: ModuleType) -> Application:
    """The application that its server answers with."""
    asgi_application: Application = harvest_module.Tabento.to_asgi()
    return asgi_application


@pytest.fixture(scope="session")
def harvest_server(session_store: Path, harvest_application: Application) -> Iterator[str]:
    """The address of a real server of the classifier."""
    with bentoml_home(session_store), running(harvest_application) as address:
        yield address


@pytest.fixture
def harvest_client(harvest_server: str) -> Iterator[httpx.Client]:
    """An HTTP client of that server."""
    with httpx.Client(base_url=harvest_server, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def frost() -> Contract:
    """The contract of a classifier of two classes, true and false, that answers no probabilities."""
    return classifier_contract((False, True), name="frost", probabilities=False)


@pytest.fixture(scope="session")
def frost_server(session_store: Path, frost: Contract) -> Iterator[str]:
    """The address of a real server of that classifier."""
    with bentoml_home(session_store):
        application = load_service(_store(frost), "service_of_frost").Tabento.to_asgi()
        with running(application) as address:
            yield address


@pytest.fixture
def frost_client(frost_server: str) -> Iterator[httpx.Client]:
    """An HTTP client of that server."""
    with httpx.Client(base_url=frost_server, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def ripe() -> Contract:
    """The contract of a classifier of two classes that answers the second from a low probability on, and a ranking."""
    return classifier_contract(("green", "ripe"), name="ripe", ranking=True, threshold=0.25)


@pytest.fixture(scope="session")
def ripe_server(session_store: Path, ripe: Contract) -> Iterator[str]:
    """The address of a real server of that classifier."""
    with bentoml_home(session_store):
        application = load_service(_store(ripe), "service_of_ripe").Tabento.to_asgi()
        with running(application) as address:
            yield address


@pytest.fixture
def ripe_client(ripe_server: str) -> Iterator[httpx.Client]:
    """An HTTP client of that server."""
    with httpx.Client(base_url=ripe_server, timeout=30) as client:
        yield client
