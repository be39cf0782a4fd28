"""The catalogue: the models that a service answers for, and the version of each that is loaded.

The versions are fixed when the service starts, so that all workers answer with the same ones. A new version of a model goes live
through the rollout document, or with a restart.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from rollout.document import NAME_PATTERN
from serving.settings import SettingsError
from tabento.bundle.errors import BundleNotFoundError
from tabento.bundle.format import MANIFEST_FILE
from tabento.bundle.manifest import BENTOML_FILE
from tabento.bundle.store import get_stored, store_folders

ALL_MODELS = "*"
_NAME = re.compile(NAME_PATTERN)
LATEST_FILE = "latest"
"""The file in which BentoML keeps the latest version of a model."""


class Catalogue:
    """The models of the settings.

    Args:
        models: the setting ``models``.
        pinned: the setting ``pinned_models``.

    Raises:
        SettingsError: a model is listed twice with different versions, has no stored version, or is pinned and not served.
    """

    def __init__(self, models: Iterable[str], pinned: Iterable[str] = ()) -> None:
        models = tuple(models)
        self.has_all = ALL_MODELS in models
        """Whether all bundles of the store are served, also those that are stored later."""
        self._tags: dict[str, str] = {}
        for entry in (*models, *pinned):
            if entry != ALL_MODELS:
                self._add_entry(entry)
        if self.has_all:
            self.update(stored_tags())
        self.pinned = tuple(dict.fromkeys(entry.partition(":")[0] for entry in pinned))
        """The names of the models that are loaded at the start and stay loaded."""

    def names(self) -> Collection[str]:
        """Return the names of all models; the collection follows changes of the catalogue."""
        return self._tags.keys()

    def tag(self, name: str) -> str:
        """Return the version of a model that is loaded.

        Raises:
            KeyError: the service does not have the model.
        """
        return self._tags[name]

    def update(self, tags: Iterable[str]) -> None:
        """Add models that are not known yet. The version of a known model does not change."""
        for tag in tags:
            self._tags.setdefault(tag.partition(":")[0], tag)

    def _add_entry(self, entry: str) -> None:
        name, _, version = entry.partition(":")
        known_tag = self._tags.get(name)
        if known_tag is not None and version in ("", known_tag.partition(":")[2]):
            return
        tag = entry if version else _latest_tag(name)
        if known_tag is not None:
            raise SettingsError(
                f"models: {name!r} is listed as {known_tag} and as {tag}. A model has one version here; keep one."
            )
        self._tags[name] = tag


def _latest_tag(name: str) -> str:
    """Return the tag of the latest stored version of a model.

    Raises:
        SettingsError: the store has none.
    """
    tags = (latest_stored(store / name) for store in store_folders())
    if tag := next((tag for tag in tags if tag is not None), None):
        return tag
    try:
        return str(get_stored(name).tag)
    except BundleNotFoundError as error:
        raise SettingsError(
            f"models: {error} Or name a version, which is fetched on demand: {name}:VERSION."
        ) from error


def stored_tags() -> list[str]:
    """Return the tags of the latest stored bundle of each model, by name. BentoML is not used: it reads a file for each model.

    In an image, a packed model comes before another version of it in the model store.
    """
    tags: dict[str, str] = {}
    for store in store_folders():
        try:
            folders = [folder for folder in store.iterdir() if _NAME.fullmatch(folder.name)]
        except OSError:
            continue
        for folder in folders:
            if folder.name not in tags and (tag := latest_stored(folder)) is not None:
                tags[folder.name] = tag
    return [tags[name] for name in sorted(tags)]


def latest_stored(folder: Path) -> str | None:
    """Return the tag of the latest bundle of one model; None if BentoML has not noted it, or it is not a bundle.

    Args:
        folder: the folder of the model in the store.
    """
    try:
        version = (folder / LATEST_FILE).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    stored = folder / version
    if not version or not all((stored / file).is_file() for file in (MANIFEST_FILE, BENTOML_FILE)):
        return None
    return f"{folder.name}:{version}"
