"""The first source: BentoML's model store on this computer. Its folders are read without BentoML, whose import takes most of a second."""

from __future__ import annotations

import re
from pathlib import Path

from rollout.cascade.errors import ForeignBundleError, IncompleteBundleError
from tabento.bundle.checksums import file_sha256
from tabento.bundle.errors import BundleFormatError
from tabento.bundle.format import MANIFEST_FILE
from tabento.bundle.manifest import BENTOML_FILE
from tabento.bundle.store import store_folder, store_folders

_PART = re.compile(r"[a-z0-9]([-._a-z0-9]*[a-z0-9])?")
"""BentoML's rule for the name and the version of a tag. Both are names of folders."""
_PART_LIMIT = 63


def split_tag(tag: str) -> tuple[str, str]:
    """Return the name and the version of a tag.

    Raises:
        BundleFormatError: the tag is not ``name:version``, or is not a tag of BentoML.
    """
    name, _, version = tag.partition(":")
    is_valid = all(_PART.fullmatch(part) and len(part) <= _PART_LIMIT for part in (name, version))
    if not is_valid or version == "latest":
        raise BundleFormatError(
            f"{tag[:200]!r} is not the tag of a bundle. Expected `name:version`, each of at most {_PART_LIMIT} small letters,"
            " digits, `-`, `_` and `.`, with a letter or digit at both ends."
        )
    return name, version


def version_folder(tag: str) -> Path:
    """Return the folder of a version in the model store that can be written, whether it exists or not.

    Raises:
        BundleFormatError: see ``split_tag``.
    """
    name, version = split_tag(tag)
    return store_folder() / name / version


def find_local(tag: str, expected: str | None = None) -> Path | None:
    """Return the folder of a stored bundle; None if no store has it. The bundle's files are not verified.

    In an image, the models that are packed in it are searched first.

    Args:
        tag: ``name:version``.
        expected: the sha256 of its ``MANIFEST.json``; None if it is unknown.

    Raises:
        BundleFormatError: see ``split_tag``.
        ForeignBundleError: the stored bundle has another manifest than expected.
        BundleIntegrityError: the store has a folder of this version that is not a bundle.
    """
    name, version = split_tag(tag)
    folders = (store / name / version for store in store_folders())
    folder = next((folder for folder in folders if folder.exists()), None)
    if folder is None:
        return None
    manifest = folder / MANIFEST_FILE
    absent = [file.name for file in (manifest, folder / BENTOML_FILE) if not file.is_file()]
    if absent:
        raise IncompleteBundleError(
            f"{tag} in the model store is not a complete bundle: {folder} has no {' and no '.join(absent)}. Remove the folder; the"
            " bundle is then fetched again."
        )
    if expected is not None and (actual := file_sha256(manifest)) != expected:
        raise ForeignBundleError(
            f"{tag} in the model store is another bundle than expected: its {MANIFEST_FILE} has sha256 {actual}, expected"
            f" {expected}. Remove it with `bentoml models delete {tag}`; it is then fetched again."
        )
    return folder
