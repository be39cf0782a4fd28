"""Fixtures for all tests: a temporary model store, small models in it, and the selection of tests by marker.

No test uses the store of the user who runs it: the whole session has a temporary BENTOML_HOME, which the processes that
tests start inherit.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    # BentoML 1.4.39 imports a class of pathspec by its former name.
    warnings.filterwarnings("ignore", message="GitWildMatchPattern", category=DeprecationWarning)
    import bentoml.models
    from bentoml._internal.configuration.containers import BentoMLContainer
from simple_di import sentinel

from benchmarks.siege.service import BesiegedService, besieged
from tabento.bundle.format import BENTOML_MODULE
from tabento.remote.breakers import forget_breakers
from tests.bundles import write_bundle
from tests.examples import load_profile
from tests.servers import SERVING_COMMANDS, chosen_server

REAL_PARTS = "real_parts"
"""The marker of tests that need real programs from Debian's packages."""
IMAGE = "image"
"""The marker of tests that build an image and run it."""
SLOW = "slow"
"""The marker of tests that take long and have a command of their own."""
KSERVE_PYTHON = Path(sys.prefix) / "kserve" / "bin" / "python"
"""The interpreter of KServe's client, which has an environment of its own."""
_EXCLUDED_COUNTS = pytest.StashKey[dict[str, int]]()
"""The number of tests that each marker excluded."""

ORCHARD = Path(__file__).parent / "configs" / "orchard.yaml"
"""The config of a tiny model, with an invented table of apple trees."""

_DEPENDS_ON_HOME: tuple[Any, ...] = (
    BentoMLContainer.bentoml_home,
    BentoMLContainer.bento_store_dir,
    BentoMLContainer.bento_store,
    BentoMLContainer.cloud_config,
    BentoMLContainer.env_store_dir,
    BentoMLContainer.model_store_dir,
    BentoMLContainer.model_store,
    BentoMLContainer.result_store_file,
    BentoMLContainer.tmp_bento_store_dir,
    BentoMLContainer.tmp_bento_store,
)


def pytest_configure(config: pytest.Config) -> None:
    """Load the profile of the property tests, and start to count the excluded tests."""
    load_profile()
    config.stash[_EXCLUDED_COUNTS] = {}


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument and length: compressed bytes contain the time, so the names of worker processes would differ."""
    return f"{argname} of {len(val)} bytes" if isinstance(val, bytes) and len(val) > 16 else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Exclude slow tests, tests that need real programs and tests of an image, unless the command line has a marker expression.

    Slow tests run if the command line names their file.
    """
    if config.option.markexpr:
        return
    named_paths = {Path(argument.partition("::")[0]).resolve() for argument in config.args}
    selected_items: list[pytest.Item] = []
    excluded: dict[str, list[pytest.Item]] = {REAL_PARTS: [], IMAGE: [], SLOW: []}
    for item in items:
        if item.get_closest_marker(REAL_PARTS):
            excluded[REAL_PARTS].append(item)
        elif item.get_closest_marker(IMAGE):
            excluded[IMAGE].append(item)
        elif item.get_closest_marker(SLOW) and item.path not in named_paths:
            excluded[SLOW].append(item)
        else:
            selected_items.append(item)
    for marker, excluded_items in excluded.items():
        config.stash[_EXCLUDED_COUNTS][marker] = len(excluded_items)
        if excluded_items:
            config.hook.pytest_deselected(items=excluded_items)
    items[:] = selected_items
    if hasattr(config, "workeroutput"):  # a worker process of pytest-xdist: only its controller writes to the terminal
        config.workeroutput["left_out"] = config.stash[_EXCLUDED_COUNTS]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Copy the counts of a worker process; all workers collect the same tests."""
    node.config.stash[_EXCLUDED_COUNTS].update(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write the number of excluded tests and the command that runs them."""
    counts = config.stash[_EXCLUDED_COUNTS]
    if counts.get(REAL_PARTS):
        terminalreporter.write_line(f"left out: {counts[REAL_PARTS]} tests that need real parts (make test-real)")
    if counts.get(IMAGE):
        terminalreporter.write_line(f"left out: {counts[IMAGE]} tests of a built image (make image-test)")
    if counts.get(SLOW):
        terminalreporter.write_line(f"left out: {counts[SLOW]} slow tests (make test-slow)")
    if find_spec("catboost") is None:
        terminalreporter.write_line("left out: the tests of CatBoost, which is not installed (make test-others)")
    if not KSERVE_PYTHON.exists():
        terminalreporter.write_line("left out: the test of KServe's client, which is not installed (make test-others)")


@contextmanager
def bentoml_home(folder: Path) -> Iterator[Path]:
    """Let BentoML use a folder as its home, in this process and its children, and restore the home afterwards."""
    before = {name: os.environ.get(name) for name in ("BENTOML_HOME", "BENTOML_DO_NOT_TRACK")}
    cached = [provider._cache for provider in _DEPENDS_ON_HOME]
    os.environ.update(BENTOML_HOME=str(folder), BENTOML_DO_NOT_TRACK="True")
    for provider in _DEPENDS_ON_HOME:
        provider._cache = sentinel
    try:
        yield folder
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for provider, value in zip(_DEPENDS_ON_HOME, cached, strict=True):
            provider._cache = value


@pytest.fixture(scope="session", autouse=True)
def session_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The BENTOML_HOME of the whole session."""
    with bentoml_home(tmp_path_factory.mktemp("bentoml")) as folder:
        yield folder


@pytest.fixture(scope="session", autouse=True)
def own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prevent runs from writing into the working copy or into MLflow, unless a test changes the settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TABENTO_ENV_FILE", "")
        patch.setenv("TABENTO_TRAINING_ARTIFACTS_FOLDER", str(tmp_path_factory.mktemp("artifacts")))
        patch.setenv("TABENTO_TRAINING_REGISTRY_FOLDER", str(tmp_path_factory.mktemp("registry")))
        patch.setenv("TABENTO_TRAINING_TRACKING", "false")
        # Services of tests start faster without a monitor process; tests of monitoring switch it on.
        patch.setenv("TABENTO_MONITORING", "false")
        patch.setenv("TABENTO_MONITORING_FOLDER", str(tmp_path_factory.mktemp("monitoring")))
        patch.setenv("TABENTO_ROLLOUT_FOLDER", str(tmp_path_factory.mktemp("rollout")))
        # With the small data of tests, processes take more time than they save.
        patch.setenv("TABENTO_TRAINING_JOBS", "1")
        yield


@pytest.fixture
def model_store(tmp_path: Path) -> Iterator[Path]:
    """An empty BENTOML_HOME for one test; the session's store is not visible in it."""
    with bentoml_home(tmp_path / "bentoml") as folder:
        yield folder


@pytest.fixture(scope="session")
def orchard_bundle(session_store: Path, own_settings: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tag of the tiny model, trained once on synthetic data, in the session's store."""
    from training.config import load_config
    from training.config.settings import TrainingSettings
    from training.progress import silence
    from training.stages.run import train

    folder = tmp_path_factory.mktemp("orchard")
    settings = TrainingSettings(
        data_folder=folder / "data", runs_folder=folder / "runs", download=False, latency_budget_s=0.2
    )
    with bentoml_home(session_store):
        return train(load_config(ORCHARD), None, settings, silence()).tags.bundle


@pytest.fixture(params=SERVING_COMMANDS)
def both_servers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run a test with ``bentoml serve``, and again with the entry point of an image."""
    token = chosen_server.set(request.param)
    yield
    chosen_server.reset(token)


@pytest.fixture(scope="session")
def linear_bundle(session_store: Path) -> str:
    """The tag of a bundle with the orchard's contract whose answer is a weighted sum."""
    with bentoml_home(session_store), bentoml.models.create("orchard", module=BENTOML_MODULE) as stored:
        write_bundle(Path(stored.path))
    return str(stored.tag)


@pytest.fixture(scope="session")
def siege_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the model store of all besieged services, so that the siege's model is built once."""
    return tmp_path_factory.mktemp("besieged")


@pytest.fixture(scope="session")
def besieged_service(siege_store: Path) -> Iterator[BesiegedService]:
    """A service of the siege's model in a process of its own; its latency limit is so high that it never refuses for load."""
    environment = {"TABENTO_SLO_P99_MS": "60000", "TABENTO_DRAIN_S": "0"}
    with besieged(siege_store, environment=environment) as service:
        yield service


@pytest.fixture(autouse=True)
def closed_breakers() -> Iterator[None]:
    """Each test starts without failures of outside dependencies."""
    yield
    forget_breakers()
