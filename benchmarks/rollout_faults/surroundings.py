"""The parts around a tried service: model store, object store, registry, trusted keys, disk; each can fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.monitoring_faults import small_disk
from benchmarks.process import BenchmarkError
from benchmarks.rollout_faults.versions import MODEL
from tabento.bundle.signature import sign_bundle
from tabento.bundle.signing_key import SigningKey, new_signing_key
from tabento.bundle.trusted_keys import trust_key
from tests.rollout.registry.registry_double import RegistryDouble, running_registry

KINDS = ("plain", "two workers", "signed", "object store", "two fetching workers", "patient", "registry", "small disk")
"""The services: with a model store only; with required signatures; with an object store, which ``patient`` waits for longer; with a
registry; with a small disk. All but two have one worker."""
TIMEOUT_S = 3
"""``bundle_timeout_s``: an object store that hangs is given up after it."""
PATIENT_TIMEOUT_S = 60
"""The default of ``bundle_timeout_s``."""
REGISTRY_POLL_S = 1


@dataclass
class Surroundings:
    """The parts of one service."""

    folder: Path
    home: Path
    """``BENTOML_HOME``."""
    settings: dict[str, str] = field(default_factory=dict)
    workers: int = 1
    objects: Path | None = None
    """The folder of the object store."""
    store: HangingStore | None = None
    registry: RegistryDouble | None = None
    key: SigningKey | None = None
    """The trusted key of signatures."""

    def object_folder(self, version: str) -> Path:
        """Return the folder of a version in the object store."""
        assert self.objects is not None
        return self.objects / MODEL / version

    def stop_registry(self) -> None:
        """Close the registry's port."""
        self._registry_up.close()

    def start_registry(self) -> None:
        """Open the registry's port, again at the same address."""
        assert self.registry is not None
        port = int(self.registry.url.rpartition(":")[2]) if self.registry.url else 0
        self._registry_up.enter_context(running_registry(self.registry, port))

    def __post_init__(self) -> None:
        self._registry_up = ExitStack()


class HangingStore:
    """An object store over HTTP that can stop to answer; it serves a folder.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._answers = threading.Event()
        self._answers.set()
        store = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                store.wait()
                super().do_GET()

            def do_HEAD(self) -> None:
                store.wait()
                super().do_HEAD()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Write no log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def hang(self) -> None:
        """Accept requests and answer none."""
        self._answers.clear()

    def answer(self) -> None:
        """Answer all requests, also those that wait."""
        self._answers.set()

    def wait(self) -> None:
        """Wait until requests are answered."""
        self._answers.wait()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            self.answer()
            self._server.shutdown()
            thread.join()
            self._server.server_close()


@contextmanager
def surroundings_of(kind: str, folder: Path) -> Iterator[Surroundings]:
    """Run the parts of a service; its model store is empty.

    Args:
        kind: one of ``KINDS``.
        folder: an empty folder.

    Raises:
        BenchmarkError: a small disk needs root; or the kind is unknown.
    """
    if kind not in KINDS:
        raise BenchmarkError(f"expected one of {', '.join(KINDS)}, got {kind!r}")
    home = folder / "home"
    home.mkdir()
    around = Surroundings(folder, home)
    with ExitStack() as up:
        if kind == "small disk":
            up.enter_context(small_disk(home))
        if kind == "signed":
            around.key = new_signing_key()
            trusted = folder / "trusted.json"
            trust_key(trusted, around.key.public_key, "release", "2026-01-01T00:00:00Z")
            around.settings |= {
                "TABENTO_REQUIRE_SIGNED_BUNDLES": "true",
                "TABENTO_TRUSTED_BUNDLE_KEYS_FILE": str(trusted),
            }
        if kind.startswith("two"):
            around.workers = 2
        if kind in ("object store", "two fetching workers", "patient", "small disk"):
            around.objects = folder / "objects"
            around.objects.mkdir()
        if kind in ("object store", "two fetching workers", "patient"):
            assert around.objects is not None
            around.store = HangingStore(around.objects)
            up.enter_context(around.store.running())
            around.settings |= {
                "TABENTO_BUNDLE_URLS": f'["{around.store.url}"]',
                "TABENTO_BUNDLE_TIMEOUT_S": str(PATIENT_TIMEOUT_S if kind == "patient" else TIMEOUT_S),
            }
        if kind == "small disk":
            assert around.objects is not None
            around.settings |= {"TABENTO_BUNDLE_URLS": f'["{around.objects.as_uri()}"]'}
        if kind == "registry":
            around.registry = RegistryDouble()
            around.registry.register(MODEL, 1, "champion")
            around.start_registry()
            up.callback(around.stop_registry)
            around.settings |= {
                "TABENTO_ROLLOUT_REGISTRY_URL": around.registry.url,
                "TABENTO_ROLLOUT_REGISTRY_POLL_S": str(REGISTRY_POLL_S),
            }
        yield around


def sign(around: Surroundings, folder: Path) -> None:
    """Sign a bundle with the trusted key, if the service requires signatures."""
    if around.key is not None:
        sign_bundle(folder, around.key)
