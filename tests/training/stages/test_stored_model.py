"""A stored model is found without loading anything, and never a model of other data."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import bentoml
import pytest

from tabento.bundle.format import BENTOML_MODULE, CARD_FILE
from tabento.bundle.store import store_folder
from tabento.tables.faults import DataError
from tests.bundles import write_bundle
from tests.conftest import ORCHARD
from training.config import ModelConfig, Source, load_config
from training.config.settings import TrainingSettings
from training.data.identity import DataIdentity
from training.progress import Progress, silence
from training.registry.provenance import fingerprint
from training.stages.stored_model import find_stored

ROWS = b"age,crown width\n5,2.5\n"
MADE_UP = DataIdentity("synthetic", None)


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    """The tiny model's config; it names no source."""
    return load_config(ORCHARD)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingSettings:
    """Folders of one test's own; addresses of this machine are asked past any proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return TrainingSettings(data_folder=tmp_path / "data", runs_folder=tmp_path / "runs")


def real(content: bytes) -> DataIdentity:
    """Return what identifies a file."""
    return DataIdentity("real", hashlib.sha256(content).hexdigest())


def store(config: ModelConfig, data: DataIdentity) -> str:
    """Store a bundle as if it had been trained, and return its tag."""
    with bentoml.models.create(config.name, module=BENTOML_MODULE) as stored:
        write_bundle(Path(stored.path), fingerprint=fingerprint(config, data, config.decisions()))
    return str(stored.tag)


def with_source(config: ModelConfig, suffix: str = ".csv") -> ModelConfig:
    """Return the config with a source that nobody serves."""
    source = Source(
        url=f"http://127.0.0.1:9/trees{suffix}", sha256=real(ROWS).sha256 or "", licence="none", citation="none"
    )
    return config.model_copy(update={"source": source})


def test_file_is_known_by_its_content(
    config: ModelConfig, settings: TrainingSettings, model_store: Path, tmp_path: Path
) -> None:
    """The same rows under another name are the same data; one changed byte of the same size and time is another."""
    tag = store(config, real(ROWS))
    path = tmp_path / "trees.csv"
    path.write_bytes(ROWS)
    assert find_stored(config, str(path), settings, silence()) == tag
    renamed_file = path.rename(tmp_path / "moved.csv")
    assert find_stored(config, str(renamed_file), settings, silence()) == tag
    before = renamed_file.stat()
    renamed_file.write_bytes(ROWS.replace(b"2.5", b"2.6"))
    os.utime(renamed_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert find_stored(config, str(renamed_file), settings, silence()) is None


def test_another_config_is_another_model(
    config: ModelConfig, settings: TrainingSettings, model_store: Path, tmp_path: Path
) -> None:
    """A config that differs in anything finds nothing."""
    store(config, real(ROWS))
    (tmp_path / "trees.csv").write_bytes(ROWS)
    other = config.model_copy(update={"seed": 43})
    assert find_stored(other, str(tmp_path / "trees.csv"), settings, silence()) is None


def test_file_that_is_not_there_is_told(config: ModelConfig, settings: TrainingSettings, model_store: Path) -> None:
    """Who names a file gets that file or an error, whatever is stored."""
    store(config, MADE_UP)
    with pytest.raises(DataError, match=r"there is no file nowhere\.csv"):
        find_stored(config, "nowhere.csv", settings, silence())


def test_folder_in_the_place_of_a_file_is_left_to_the_run(
    config: ModelConfig, settings: TrainingSettings, model_store: Path, tmp_path: Path
) -> None:
    """What cannot be read is no reason to take made-up rows."""
    store(config, MADE_UP)
    assert find_stored(config, str(tmp_path), settings, silence()) is None


def test_changed_bundle_is_not_taken(
    config: ModelConfig, settings: TrainingSettings, model_store: Path, tmp_path: Path
) -> None:
    """A bundle that does not verify counts as not stored."""
    tag = store(config, real(ROWS))
    (tmp_path / "trees.csv").write_bytes(ROWS)
    with (store_folder() / tag.replace(":", "/") / CARD_FILE).open("a") as card:
        card.write("better than it is")
    assert find_stored(config, str(tmp_path / "trees.csv"), settings, silence()) is None


def test_made_up_rows_are_known_by_the_config(
    config: ModelConfig, settings: TrainingSettings, model_store: Path
) -> None:
    """A model of made-up rows is found without making them, and said to be one; with other rows it is another."""
    tag = store(config, MADE_UP)
    err = io.StringIO()
    assert find_stored(config, "synthetic", settings, Progress(io.StringIO(), err)) == tag
    assert "SYNTHETIC DATA" in err.getvalue()
    assert config.synthetic is not None
    synthetic = config.synthetic.model_copy(update={"seed": 99})
    other = config.model_copy(update={"synthetic": synthetic})
    assert find_stored(other, "synthetic", settings, silence()) is None


def test_forbidden_made_up_rows_are_not_taken_from_the_store(
    config: ModelConfig, settings: TrainingSettings, model_store: Path
) -> None:
    """Where synthetic data is not allowed, a stored model of it does not count."""
    store(config, MADE_UP)
    strict = settings.model_copy(update={"allow_synthetic": False})
    assert find_stored(config, None, strict, silence()) is None


def test_pinned_source_needs_no_download(config: ModelConfig, settings: TrainingSettings, model_store: Path) -> None:
    """The checksum in the config says which data the source gives; no cache and no network are asked."""
    pinned = with_source(config)
    tag = store(pinned, real(ROWS))
    store(pinned, MADE_UP)
    assert find_stored(pinned, None, settings, silence()) == tag
    assert pinned.source is not None
    assert find_stored(pinned, pinned.source.url, settings, silence()) == tag
    assert not settings.data_folder.exists()


def test_archive_is_known_by_its_unpacked_file(
    config: ModelConfig, settings: TrainingSettings, model_store: Path
) -> None:
    """The checksum of an archive says nothing of its CSV file, so the cached file counts."""
    pinned = with_source(config, ".zip")
    tag = store(pinned, real(b"unpacked"))
    assert pinned.source is not None
    assert find_stored(pinned, pinned.source.url, settings, silence()) is None
    settings.data_folder.mkdir()
    (settings.data_folder / f"{pinned.source.sha256}.csv").write_bytes(b"unpacked")
    assert find_stored(pinned, None, settings, silence()) == tag


def test_without_a_network_the_stored_model_of_made_up_rows_is_taken(
    config: ModelConfig, settings: TrainingSettings, model_store: Path
) -> None:
    """The source is tried once and not three times, and the warning says why the rows are made up."""
    pinned = with_source(config)
    tag = store(pinned, MADE_UP)
    err = io.StringIO()
    assert find_stored(pinned, None, settings, Progress(io.StringIO(), err)) == tag
    assert "is not available" in " ".join(err.getvalue().replace("!", " ").split())
    assert "in one attempt" in " ".join(err.getvalue().replace("!", " ").split())


def test_real_data_that_can_be_had_is_preferred(
    config: ModelConfig, settings: TrainingSettings, model_store: Path
) -> None:
    """As soon as the source can be read, a stored model of made-up rows does not stand in for it."""
    pinned = with_source(config)
    store(pinned, MADE_UP)
    assert pinned.source is not None
    settings.data_folder.mkdir()
    (settings.data_folder / f"{pinned.source.sha256}.csv").write_bytes(ROWS)
    assert find_stored(pinned, None, settings, silence()) is None


def test_address_without_a_checksum_is_left_to_the_run(
    config: ModelConfig, settings: TrainingSettings, model_store: Path
) -> None:
    """Nobody knows what such an address gives today."""
    store(config, MADE_UP)
    assert find_stored(config, "http://127.0.0.1:9/trees.csv", settings, silence()) is None
