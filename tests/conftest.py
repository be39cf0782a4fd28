"""A model store of the tests' own, and a small model in it.

No test ever sees the store of the person who runs it: the whole session lives in a temporary BENTOML_HOME, which
processes that tests start inherit.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    # BentoML 1.4.39 asks pathspec for a pattern class by its former name while it is imported.
    warnings.filterwarnings("ignore", message="GitWildMatchPattern", category=DeprecationWarning)
    import bentoml.models
    from bentoml._internal.configuration.containers import BentoMLContainer
from simple_di import sentinel

from benchmarks.siege.service import BesiegedService, besieged
from bundle.format import BENTOML_MODULE
from tests.bundles import write_bundle

REAL_PARTS = "real_parts"
"""The marker of tests that need real programs from Debian's packages."""
_LEFT_OUT = pytest.StashKey[int]()

ORCHARD = Path(__file__).parent / "configs" / "orchard.yaml"
"""The second, tiny config."""

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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that need real parts, unless a marker expression says which tests are wanted."""
    if config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker(REAL_PARTS)]
    if left_out:
        config.stash[_LEFT_OUT] = len(left_out)
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker(REAL_PARTS)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many tests were left out, and how they are run."""
    count = config.stash.get(_LEFT_OUT, 0)
    if count:
        terminalreporter.write_line(f"left out: {count} tests that need real parts (make test-real)")
    if find_spec("catboost") is None:
        terminalreporter.write_line("left out: the tests of CatBoost, which is not installed (make test-others)")


@contextmanager
def bentoml_home(folder: Path) -> Iterator[Path]:
    """Let BentoML keep everything in a folder, in this process and in those that it starts, and put it back."""
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
    """Let no run write into the working copy or into anybody's MLflow, unless a test says otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TABENTO_ENV_FILE", "")
        patch.setenv("TABENTO_TRAINING_ARTIFACTS_FOLDER", str(tmp_path_factory.mktemp("artifacts")))
        patch.setenv("TABENTO_TRAINING_REGISTRY_FOLDER", str(tmp_path_factory.mktemp("registry")))
        patch.setenv("TABENTO_TRAINING_TRACKING", "false")
        # Processes cost more than they save on the small data of tests.
        patch.setenv("TABENTO_TRAINING_JOBS", "1")
        yield


@pytest.fixture
def model_store(tmp_path: Path) -> Iterator[Path]:
    """An empty BENTOML_HOME for one test; what the session's store holds is out of sight meanwhile."""
    with bentoml_home(tmp_path / "bentoml") as folder:
        yield folder


@pytest.fixture(scope="session")
def orchard_bundle(session_store: Path, own_settings: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tag of the tiny model, trained once on synthetic data and kept in the session's store."""
    from training.config import load_config
    from training.progress import silence
    from training.run import train
    from training.settings import TrainingSettings

    folder = tmp_path_factory.mktemp("orchard")
    settings = TrainingSettings(
        data_folder=folder / "data", runs_folder=folder / "runs", download=False, latency_budget_s=0.2
    )
    with bentoml_home(session_store):
        return train(load_config(ORCHARD), None, settings, silence()).tags.bundle


@pytest.fixture(scope="session")
def linear_bundle(session_store: Path) -> str:
    """The tag of a bundle over the orchard's contract whose answer is a weighted sum."""
    with bentoml_home(session_store), bentoml.models.create("orchard", module=BENTOML_MODULE) as stored:
        write_bundle(Path(stored.path))
    return str(stored.tag)


@pytest.fixture(scope="session")
def besieged_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BesiegedService]:
    """A service of the siege's model as a process of its own, which refuses nothing for being slow."""
    environment = {"TABENTO_SLO_P99_MS": "60000", "TABENTO_DRAIN_S": "0"}
    with besieged(tmp_path_factory.mktemp("besieged"), environment=environment) as service:
        yield service
