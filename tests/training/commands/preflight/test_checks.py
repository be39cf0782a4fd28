"""The preflight as a whole: everything that is missing is told at once, and nothing is left behind by looking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ORCHARD
from tests.retries import AT_ONCE
from training.commands.preflight import PreflightError, before_reading, before_training, packages, require_none
from training.config import ModelConfig, load_config
from training.config.settings import TrainingSettings


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    """A small config."""
    return load_config(ORCHARD)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrainingSettings]:
    """Settings whose folders are not there yet, and a model store that is not there either."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "bentoml"))
    folders = {f"{name}_folder": tmp_path / "new" / name for name in ("data", "runs", "registry", "artifacts")}
    yield TrainingSettings(**folders, tracking=True)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == [], "the checks left something behind"


def test_machine_that_is_fit_has_no_problem(config: ModelConfig, settings: TrainingSettings) -> None:
    """Folders that are not there yet can be made; the checks make none of them."""
    assert before_reading(config, settings) == []
    assert before_training(config, settings) == []
    require_none([None, None])


def test_every_problem_is_told_at_once(
    config: ModelConfig, settings: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Store, folders, registry and package: a line each, with what to do, in one message."""
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    monkeypatch.setenv("BENTOML_HOME", "/proc/none")
    folders = {f"{name}_folder": Path("/proc") / name for name in ("data", "runs", "registry", "artifacts")}
    bad = settings.model_copy(update=folders)
    bad_config = config.model_copy(update={"estimator": config.estimator.model_copy(update={"kind": "lightgbm"})})
    with pytest.raises(PreflightError) as raised:
        require_none([*before_reading(bad_config, bad), *before_training(bad_config, bad)])
    first, *lines = str(raised.value).splitlines()
    assert first.startswith(f"{len(lines)} things have to be put right")
    for word in ("BENTOML_HOME", "--artifacts-folder", "--runs-folder", "--registry-folder", "EXTRAS=lightgbm"):
        assert sum(word in line for line in lines) == 1, word


def test_a_signing_key_that_cannot_be_read_is_told_before_training(
    config: ModelConfig, settings: TrainingSettings
) -> None:
    """A run that could not sign its bundle does not begin; stages that store nothing need no key."""
    bad = settings.model_copy(update={"signing_key_file": Path("/proc/none.pem")})
    (problem,) = before_training(config, bad)
    assert "could not be signed: the private key /proc/none.pem cannot be read" in problem
    assert before_training(config, bad, steps=("fit",)) == []


def test_one_problem_is_one_line() -> None:
    """A single problem is told without a list, and twice the same is one."""
    with pytest.raises(PreflightError, match=r"^only this$"):
        require_none([None, "only this", "only this", ""])


def test_data_folder_counts_only_for_a_download(
    config: ModelConfig, settings: TrainingSettings, tmp_path: Path
) -> None:
    """A folder for downloads need not be writable if the data is a file, is made up, or was downloaded before."""
    shut = settings.model_copy(update={"data_folder": Path("/proc/none")})
    assert before_reading(config, shut, "https://example.org/rows.csv") != []
    assert before_reading(config, shut, "rows.csv") == []
    assert before_reading(config, shut, "synthetic") == []
    assert before_reading(config, shut.model_copy(update={"data": "synthetic"})) == []
    assert before_reading(config, shut.model_copy(update={"download": False})) == []


def test_registry_that_does_not_answer_is_told(config: ModelConfig, settings: TrainingSettings) -> None:
    """A server that is gone, or an address that is none, ends a run before it begins; without tracking it is no matter."""
    unreachable = settings.model_copy(update={"tracking_uri": "http://127.0.0.1:9"})
    (line,) = before_training(config, unreachable, retry=AT_ONCE)
    assert "cannot be used" in line
    assert "--no-tracking" in line
    assert before_training(config, unreachable.model_copy(update={"tracking": False}), retry=AT_ONCE) == []
    (line,) = before_training(config, settings.model_copy(update={"tracking_uri": "mlruns"}), retry=AT_ONCE)
    assert "expected an address" in line


def test_stages_that_store_nothing_need_no_reports(config: ModelConfig, settings: TrainingSettings) -> None:
    """The folder of reports counts only if the stage that writes into it runs."""
    shut = settings.model_copy(update={"runs_folder": Path("/proc/none")})
    assert before_training(config, shut, steps=("fit",)) == []
    assert len(before_training(config, shut)) == 1


def test_size_of_the_data_counts(
    config: ModelConfig, settings: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that does not fit on the disk several times over is told with both numbers."""
    monkeypatch.setattr("training.commands.preflight.checks._size", lambda data: 10**18)
    (line,) = before_training(config, settings, "rows.csv")
    assert "MiB free, and a run takes up to" in line
