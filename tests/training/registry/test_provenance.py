"""The fingerprint changes with all that makes a model and with nothing else; the record tells where it comes from."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import ORCHARD
from training.config import load_config
from training.data.loader import Dataset
from training.registry import provenance
from training.registry.provenance import (
    LIBRARIES,
    OPTIONAL_LIBRARIES,
    fingerprint,
    git_commit,
    library_versions,
    record,
)

CONFIG = load_config(ORCHARD)
DATA = Dataset(pd.DataFrame({"a": [1, 2]}), "real", "trees.csv", "0" * 64)


def git(folder: Path, *arguments: str) -> None:
    """Run git as somebody."""
    identity = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=os.environ | identity)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "a.txt").write_text("a")
    git(tmp_path, "add", "a.txt")
    git(tmp_path, "-c", "commit.gpgsign=false", "commit", "--quiet", "-m", "a")
    return tmp_path


def test_same_run_has_the_same_fingerprint() -> None:
    """Config, data, code and versions that are equal give an equal fingerprint, wherever the data came from."""
    renamed = Dataset(DATA.frame, "real", "copy_of_trees.csv", DATA.sha256)
    assert fingerprint(CONFIG, DATA) == fingerprint(load_config(ORCHARD), renamed)
    assert len(fingerprint(CONFIG, DATA)) == 64


def test_whatever_changes_the_model_changes_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another seed, other data or kind of it, other code, libraries and decisions each give another fingerprint."""
    prints = {
        fingerprint(CONFIG, DATA),
        fingerprint(CONFIG.model_copy(update={"seed": 43}), DATA),
        fingerprint(CONFIG, Dataset(DATA.frame, "real", "trees.csv", "1" * 64)),
        fingerprint(CONFIG, Dataset(DATA.frame, "synthetic", "trees.csv", "0" * 64)),
    }
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "code_sha256", lambda *arguments: "other")
        prints.add(fingerprint(CONFIG, DATA))
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "library_versions", lambda: {"python": "4"})
        prints.add(fingerprint(CONFIG, DATA))
    prints.add(fingerprint(CONFIG, DATA, CONFIG.decisions()))
    prints.add(fingerprint(CONFIG, DATA, CONFIG.decisions().model_copy(update={"impute": "median"})))
    assert len(prints) == 8


def test_versions_name_python_and_every_library() -> None:
    """Each library that can change the model is there with a version; those that need not be there, if they are."""
    versions = library_versions()
    assert {"python", *LIBRARIES} <= versions.keys() <= {"python", *LIBRARIES, *OPTIONAL_LIBRARIES}
    assert all(text[0].isdigit() for text in versions.values())


def test_clean_checkout_gives_its_commit(checkout: Path) -> None:
    """A tree without changes is named by its commit alone."""
    commit = git_commit(checkout)
    assert commit is not None
    assert len(commit) == 40


@pytest.mark.parametrize("name", ["a.txt", "new.txt"])
def test_changed_checkout_is_marked(checkout: Path, name: str) -> None:
    """A changed or an added file puts a plus behind the commit."""
    commit = git_commit(checkout)
    (checkout / name).write_text("changed")
    assert git_commit(checkout) == f"{commit}+"


def test_somebody_elses_checkout_does_not_count(checkout: Path) -> None:
    """A package that is installed inside a repository is not part of it."""
    inner = checkout / "site-packages"
    inner.mkdir()
    assert git_commit(inner) is None


def test_no_commit_outside_a_checkout(tmp_path: Path) -> None:
    """A folder without a repository has no commit, and neither has an empty repository."""
    assert git_commit(tmp_path) is None
    git(tmp_path, "init", "--quiet")
    assert git_commit(tmp_path) is None


def test_no_commit_without_git(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where git is not installed there is no commit, and no error."""
    monkeypatch.setenv("PATH", str(checkout))
    assert git_commit(checkout) is None


def test_record_tells_where_a_model_comes_from() -> None:
    """The record holds the data's kind, source, checksum and rows, and the time in UTC."""
    noted = record("f" * 64, DATA, "orchard-pipeline:1")
    assert (noted.data, noted.data_source, noted.data_sha256, noted.rows) == ("real", "trees.csv", "0" * 64, 2)
    assert (noted.fingerprint, noted.pipeline_tag) == ("f" * 64, "orchard-pipeline:1")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(noted.trained_at)).total_seconds()) < 60
