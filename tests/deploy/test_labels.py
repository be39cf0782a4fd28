"""The labels of an image and the commit that it is built from."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.errors import ImageError
from deploy.labels import Revision, image_labels, read_revision


def git(folder: Path, *words: str) -> None:
    """Run git as a user with a name, at a fixed time."""
    environment = {
        "PATH": "/usr/bin:/bin:/usr/local/bin",
        "GIT_COMMITTER_DATE": "@1700000000 +0000",
        "HOME": str(folder),
    }
    name = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(folder), *name, *words], env=environment, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit."""
    (tmp_path / "a").write_text("1")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-q", "-m", "a")
    return tmp_path


def test_the_revision_of_a_checkout(checkout: Path) -> None:
    """Its commit and the commit's time; a change is visible, and SOURCE_DATE_EPOCH is stronger than the time."""
    revision = read_revision(checkout, {})
    assert len(revision.commit) == 40
    assert revision.epoch == 1_700_000_000
    (checkout / "a").write_text("2")
    assert read_revision(checkout, {"SOURCE_DATE_EPOCH": "5"}) == Revision(f"{revision.commit}-modified", 5)


def test_a_folder_without_a_repository(tmp_path: Path) -> None:
    """Its revision is unknown and its time 1970, not the present, so that two builds are equal."""
    assert read_revision(tmp_path, {}) == Revision("unknown", 0)


def test_a_wrong_time_is_refused(tmp_path: Path) -> None:
    """The message names the variable and the value."""
    with pytest.raises(ImageError, match="SOURCE_DATE_EPOCH, got 'now'"):
        read_revision(tmp_path, {"SOURCE_DATE_EPOCH": "now"})


def test_labels_name_models_and_their_digests() -> None:
    """The digest of a pinned base has a label of its own, and the repository is known in a workflow of GitHub."""
    bento: Any = SimpleNamespace(
        tag=SimpleNamespace(name="tabento-churn", version="1.0.0"),
        info=SimpleNamespace(
            labels={"models": "churn:a,plans:b", "bundles": "sha256:0,sha256:1", "project": "tabento"}
        ),
    )
    revision = Revision("abc", 1_700_000_000)
    labels = image_labels(bento, revision, "python:3.11-slim", {})
    assert labels == {
        "org.opencontainers.image.title": "tabento-churn",
        "org.opencontainers.image.version": "1.0.0",
        "org.opencontainers.image.revision": "abc",
        "org.opencontainers.image.created": "2023-11-14T22:13:20+00:00",
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.base.name": "python:3.11-slim",
        "io.tabento.models": "churn:a,plans:b",
        "io.tabento.bundles": "sha256:0,sha256:1",
    }
    workflow = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "a/b"}
    pinned = image_labels(bento, revision, "python:3.11-slim@sha256:12", workflow)
    assert pinned["org.opencontainers.image.base.name"] == "python:3.11-slim"
    assert pinned["org.opencontainers.image.base.digest"] == "sha256:12"
    assert pinned["org.opencontainers.image.source"] == "https://github.com/a/b"
