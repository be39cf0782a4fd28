"""An image of two tiny models, built once for all tests of this folder, and containers of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import bentoml
import pytest

from deploy.command import run_command
from deploy.container import Container, RunOptions, run_container
from deploy.engine import Engine, choose_engine
from deploy.image import main as build
from deploy.prove import is_ready
from tabento.bundle.format import BENTOML_MODULE
from tabento.keys.changes import create_key
from tabento.keys.inline import inline_entry
from tabento.keys.record import utc_now
from tabento.keys.secret import new_secret
from tests.bundles import classifier_contract, write_bundle
from tests.conftest import IMAGE, bentoml_home

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent
ENGINE_VARIABLE = "IMAGE_TEST_ENGINE"
BASE_VARIABLE = "IMAGE_TEST_BASE"
CLASSIFIER = "harvest"
"""The name of the second model."""
READY_DEADLINE_S = 60.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(IMAGE)


@dataclass(frozen=True)
class TestedImage:
    """An image in the store of an engine."""

    __test__ = False
    engine: Engine
    name: str
    bento: str
    bundle: str
    """The tag of the default model, which was trained: the store has its pipeline."""
    classifier: str
    """The tag of the second model, whose answers are computed by hand."""
    secret: str
    """A key with the scopes ``predict`` and ``read``."""
    keys: str
    """The value of TABENTO_API_KEYS with this key."""

    def run(
        self, *arguments: str, options: RunOptions | None = None, has_keys: bool = True
    ) -> AbstractContextManager[Container]:
        """Run a container.

        Args:
            arguments: the arguments of the entry point in place of the image's own.
            options: further options; their variables come first.
            has_keys: whether the service has the key.
        """
        options = options or RunOptions()
        keys = {"TABENTO_API_KEYS": self.keys} if has_keys else {}
        environment = {**keys, "TABENTO_SLO_P99_MS": "60000", **options.environment}
        return run_container(
            self.engine,
            self.name,
            RunOptions(environment, arguments, options.volumes, options.state, options.published),
        )


@pytest.fixture(scope="session")
def image(session_store: Path, orchard_bundle: str) -> Iterator[TestedImage]:
    """The image of a Bento with a trained regressor and a classifier; it is removed in the end."""
    engine = choose_engine(os.environ.get(ENGINE_VARIABLE) or None)
    base = os.environ.get(BASE_VARIABLE)
    name = f"tabento-image-test:{os.getpid()}"
    with bentoml_home(session_store):
        with bentoml.models.create(CLASSIFIER, module=BENTOML_MODULE) as stored:
            write_bundle(Path(stored.path), classifier_contract(name=CLASSIFIER))
        command = [sys.executable, "-m", "training", "bento", orchard_bundle, CLASSIFIER]
        built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert built.returncode == 0, built.stdout + built.stderr
        bento = str(bentoml.get("tabento-orchard").tag)
        options = ["--bento", bento, "--tag", name, "--engine", engine.name]
        assert build([*options, *(["--base", base] if base else [])]) == 0
    secret = new_secret()
    record = create_key((), secret, owner="image-test", scopes=["predict", "read"], now=utc_now())
    yield TestedImage(engine, name, bento, orchard_bundle, str(stored.tag), secret, inline_entry(record))
    run_command([engine.name, "rmi", name])


@pytest.fixture(scope="module")
def container(image: TestedImage) -> Iterator[Container]:
    """A container that is ready, for the tests of a module that leave it as it is."""
    with image.run() as running:
        running.wait_for_start(lambda: is_ready(running.address), READY_DEADLINE_S)
        yield running
