"""The bundle of a logged version, without its graph."""

from __future__ import annotations

from pathlib import Path

from monitoring.replay.errors import ReplayError
from tabento.bundle.errors import BundleError
from tabento.bundle.manifest import verify_manifest
from tabento.bundle.store import Bundle, load_bundle, read_bundle


def find_bundle(tag_or_folder: str) -> Bundle:
    """Return a bundle in the model store, or in a folder with a bundle's files.

    Raises:
        ReplayError: there is no such bundle, or it was changed.
    """
    folder = Path(tag_or_folder)
    try:
        if folder.is_dir():
            # The version of a bundle outside the store is not in its files.
            return read_bundle(folder, f"{verify_manifest(folder).name}:{folder.name}")
        return load_bundle(tag_or_folder)
    except BundleError as error:
        raise ReplayError(str(error)) from error
