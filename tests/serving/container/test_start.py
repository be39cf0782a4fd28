"""The start in an image: the port, the checks, and the model store inside a Bento."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.container.command import Address
from serving.container.start import open_port, prepare
from serving.operations.supervisor import StartError
from serving.settings import SettingsError
from tabento.bundle.errors import BundleNotFoundError
from tabento.bundle.store import get_stored
from tests.bundles import write_bundle
from tests.conftest import bentoml_home
from tools.ports import free_port


def _is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("is_fixed", [True, False])
def test_the_port_refuses_until_a_worker_listens(is_fixed: bool) -> None:
    """A client gets a refusal at once, and can connect as soon as a worker listens; port 0 is a free port."""
    with open_port(Address("127.0.0.1", free_port() if is_fixed else 0)) as listener:
        port = listener.getsockname()[1]
        assert _is_refused(port)
        listener.listen()
        assert listener.getsockname()[1] == port
        assert not _is_refused(port)


def test_a_port_that_is_in_use_is_refused() -> None:
    """The message names the port."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} of 127.0.0.1 is in use"):
            open_port(Address("127.0.0.1", port))


@pytest.mark.parametrize("host", ["192.0.2.1", "not a host"])
def test_a_wrong_address_is_refused(host: str) -> None:
    """An address of another computer, and a name that is not one, are errors that name the address and the option."""
    with pytest.raises(StartError, match=f"{host}.*--host"):
        open_port(Address(host, 0))


@pytest.fixture
def bento(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a Bento as it is in an image, with a model store of its own; the store of the home is empty."""
    folder = tmp_path / "bento"
    stored = folder / "models" / "orchard" / "v1"
    write_bundle(stored)
    (stored / "model.yaml").write_text("name: orchard\nversion: v1\nmodule: tabento\n", encoding="utf-8")
    (stored.parent / "latest").write_text("v1", encoding="utf-8")
    (folder / "src").mkdir()
    (folder / "bento.yaml").write_text(
        "name: tabento\nversion: x\nservices:\n- name: tabento\n  models:\n  - tag: orchard:v1\nargs:\n  model: orchard\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("BENTO_PATH", "")  # set by the start, and reset after the test
    with bentoml_home(tmp_path / "home"):
        yield folder


def test_the_packed_bundle_is_served(bento: Path) -> None:
    """An image serves its own bundle, from the model store in its Bento."""
    service = prepare(bento / "src")
    assert service.bundle.tag == "orchard:v1"
    assert service.bundle.path == bento / "models" / "orchard" / "v1"
    assert service.bento is not None
    assert get_stored("orchard").path == service.bundle.path


def test_a_bento_without_its_bundle_is_refused(bento: Path) -> None:
    """If the packed models are missing, the start ends and names the bundle."""
    shutil.rmtree(bento / "models")
    with pytest.raises(BundleNotFoundError, match="no bundle orchard:v1"):
        prepare(bento / "src")


def test_wrong_settings_are_refused(bento: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are checked before the bundle is read."""
    shutil.rmtree(bento / "models")
    monkeypatch.setenv("TABENTO_WORKERS", "none")
    with pytest.raises(SettingsError, match="workers"):
        prepare(bento / "src")
