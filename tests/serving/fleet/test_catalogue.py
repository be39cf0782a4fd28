"""The catalogue: which models are served, and in which version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollout.cascade.local_store import find_local
from serving.fleet.catalogue import LATEST_FILE, Catalogue, stored_tags
from serving.settings import SettingsError
from tabento.bundle.format import MANIFEST_FILE
from tabento.bundle.store import BENTO_VARIABLE, store_folder
from tests.conftest import bentoml_home
from tests.serving.fleet.small_fleet import apple, apple_store, store_apple


@pytest.fixture(autouse=True)
def _store(tmp_path: Path) -> Iterator[None]:
    """A store with the apples 1 and 2, and a second version of the latter."""
    with apple_store(tmp_path, 2):
        store_apple(2, "v2")
        yield


def test_a_name_means_the_latest_version() -> None:
    """A tag means its own version, also if the store does not have it: it is fetched on demand."""
    catalogue = Catalogue(["apple_2", "apple_1:v1", "pear:v7"])
    assert [catalogue.tag(name) for name in catalogue.names()] == ["apple_2:v2", "apple_1:v1", "pear:v7"]
    assert not catalogue.has_all


def test_a_star_means_all_bundles_of_the_store() -> None:
    """Pipelines, damaged folders and invalid names are left out; a listed version goes before the latest one."""
    folder = store_folder()
    for name in ("apple_2-pipeline", "empty", ".hidden"):
        (folder / name / "v1").mkdir(parents=True)
        (folder / name / LATEST_FILE).write_text("v1", encoding="utf-8")
    (store_apple(3) / MANIFEST_FILE).unlink()
    (folder / "file").write_text("", encoding="utf-8")
    catalogue = Catalogue(["*", "apple_2:v1"])
    assert catalogue.has_all
    assert {name: catalogue.tag(name) for name in catalogue.names()} == {
        "apple_1": "apple_1:v1",
        "apple_2": "apple_2:v1",
    }


def test_new_models_are_added_and_known_ones_keep_their_version() -> None:
    """All workers answer with the same version of a model until they start again."""
    catalogue = Catalogue(["*"])
    store_apple(2, "v3")
    store_apple(4)
    catalogue.update(stored_tags())
    assert [catalogue.tag(apple(number)) for number in (1, 2, 4)] == ["apple_1:v1", "apple_2:v2", "apple_4:v1"]


def test_pinned_models_are_served() -> None:
    """They need not be listed twice; each is named once."""
    catalogue = Catalogue(["apple_1"], ["apple_2:v1", "apple_1", "apple_2"])
    assert catalogue.pinned == ("apple_2", "apple_1")
    assert catalogue.tag("apple_2") == "apple_2:v1"


@pytest.mark.parametrize(
    ("models", "pinned", "message"),
    [
        (["pear"], [], r"models: the model store has no bundle pear\. .*Or name a version, .*: pear:VERSION"),
        (["apple_2:v1", "apple_2:v2"], [], "models: 'apple_2' is listed as apple_2:v1 and as apple_2:v2"),
        (["apple_2:v1"], ["apple_2:v2"], "has one version here; keep one"),
    ],
)
def test_a_contradiction_is_named(models: list[str], pinned: list[str], message: str) -> None:
    """The message has the models and the remedy."""
    with pytest.raises(SettingsError, match=message):
        Catalogue(models, pinned)


def test_the_latest_version_is_found_without_the_note_of_bentoml() -> None:
    """BentoML looks for it then; without a store there is nothing to serve."""
    (store_folder() / "apple_2" / LATEST_FILE).unlink()
    assert stored_tags() == ["apple_1:v1"]


def test_a_missing_store_has_no_models(tmp_path: Path) -> None:
    """The service then has its default model only."""
    with bentoml_home(tmp_path / "nowhere"):
        assert stored_tags() == []


def test_in_an_image_packed_models_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The models of the Bento are found beside the model store; a packed version goes before a stored one."""
    bento = tmp_path / "bento"
    with bentoml_home(bento):  # a Bento has its models in the same form as a model store
        store_apple(2, "packed")
        packed_folder = store_apple(5, "packed")
    monkeypatch.setenv(BENTO_VARIABLE, str(bento))
    assert stored_tags() == ["apple_1:v1", "apple_2:packed", "apple_5:packed"]
    catalogue = Catalogue(["apple_2", "apple_1"])
    assert [catalogue.tag(name) for name in catalogue.names()] == ["apple_2:packed", "apple_1:v1"]
    assert find_local("apple_5:packed") == packed_folder
    assert find_local("apple_2:v2") == store_folder() / "apple_2" / "v2"
    assert find_local("apple_9:v1") is None
