"""The labels of an image: the Open Containers annotations, and the models in it with the digests of their bundles."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import bentoml

from deploy.command import run_command
from deploy.errors import ImageError

LICENSE = "Apache-2.0"
MODIFIED = "-modified"
"""The end of a revision if the checkout has changes that are not committed."""

_BENTO_LABELS = ("models", "bundles")
"""Labels that `tabento bento` gives a Bento: the tags of its bundles, and the digests of their manifests in the same order."""


@dataclass(frozen=True)
class Revision:
    """The commit from which an image is built."""

    commit: str
    """The commit's hash, with ``MODIFIED`` if the checkout differs from it; "unknown" outside a repository."""
    epoch: int
    """The time of the commit, in seconds since 1970. Every file of the image gets it."""


def read_revision(folder: Path, environment: Mapping[str, str]) -> Revision:
    """Return the commit of a checkout; SOURCE_DATE_EPOCH replaces its time.

    Raises:
        ImageError: SOURCE_DATE_EPOCH is not a number.
    """
    git = ["git", "-C", str(folder)]
    try:
        commit, _, time_s = run_command([*git, "log", "-1", "--format=%H %ct"]).partition(" ")
        if run_command([*git, "status", "--porcelain", "--untracked-files=no"]):
            commit += MODIFIED
    except ImageError:
        commit, time_s = "unknown", "0"
    epoch = environment.get("SOURCE_DATE_EPOCH", time_s)
    if not (epoch.isascii() and epoch.isdigit()):
        raise ImageError(f"expected seconds since 1970 in SOURCE_DATE_EPOCH, got {epoch!r}. Unset it, or correct it.")
    return Revision(commit, int(epoch))


def source_address(environment: Mapping[str, str]) -> str | None:
    """Return the address of the repository in a workflow of GitHub, and None elsewhere."""
    server, repository = environment.get("GITHUB_SERVER_URL"), environment.get("GITHUB_REPOSITORY")
    return f"{server}/{repository}" if server and repository else None


def image_labels(
    bento: bentoml.Bento, revision: Revision, base: str, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the labels of an image of a Bento.

    Args:
        bento: the Bento.
        revision: the commit.
        base: the name of the image of the build stage, whose Python and libraries the image contains.
        environment: the variables of this process.
    """
    name, _, digest = base.partition("@")
    labels = {
        "org.opencontainers.image.title": bento.tag.name,
        "org.opencontainers.image.version": str(bento.tag.version),
        "org.opencontainers.image.revision": revision.commit,
        "org.opencontainers.image.created": datetime.fromtimestamp(revision.epoch, UTC).isoformat(),
        "org.opencontainers.image.licenses": LICENSE,
        "org.opencontainers.image.base.name": name,
    }
    labels |= {f"io.tabento.{name}": bento.info.labels[name] for name in _BENTO_LABELS if name in bento.info.labels}
    if digest:
        labels["org.opencontainers.image.base.digest"] = digest
    if source := source_address(environment):
        labels["org.opencontainers.image.source"] = source
    return labels
