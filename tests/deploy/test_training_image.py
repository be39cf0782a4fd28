"""The image of training: its content is the commit, and the engine gets the base, the labels and the time of the commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy.base import IMAGE
from deploy.errors import ImageError
from deploy.labels import Revision
from deploy.training_image import DOCKERFILE, ROOT, build_command, export_commit, main
from tests.deploy.conftest import Programs

REVISION = Revision("abc123", 1700000000)
GIT = ("git", "-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit, and a secret and a change that are not in it."""
    folder = tmp_path / "repository"
    for name in ("training/a.py", "tests/b.py", "docs/c.md", DOCKERFILE):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("committed")
    subprocess.run([*GIT, "init", "--quiet", str(folder)], check=True)
    subprocess.run([*GIT, "-C", str(folder), "add", "."], check=True)
    subprocess.run([*GIT, "-C", str(folder), "commit", "--quiet", "--message", "x"], check=True)
    (folder / ".env").write_text("TABENTO_REDIS_URL=secret")
    (folder / "training" / "a.py").write_text("changed")
    return folder


def test_the_context_is_the_commit(repository: Path, tmp_path: Path) -> None:
    """Files that are not committed never enter the image; tests and documents are not needed in it."""
    context = tmp_path / "context"
    context.mkdir()
    export_commit(context, repository)
    files = {path.relative_to(context).as_posix() for path in context.rglob("*") if path.is_file()}
    assert files == {"training/a.py", DOCKERFILE}
    assert (context / "training" / "a.py").read_text() == "committed"
    assert not context.with_suffix(".tar").exists()


def test_a_folder_without_commits_is_refused(tmp_path: Path) -> None:
    """The error names the folder and the remedy."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match=r"cannot export the commit .* Build the image in a clone"):
        export_commit(tmp_path / "context", tmp_path / "empty")


def test_commands_of_the_engines(tmp_path: Path) -> None:
    """docker gets labels; podman and buildah set the time of all files too; a base of this machine is not pulled."""
    plain = build_command("docker", "t:1", tmp_path, REVISION)
    assert plain[:6] == ["docker", "build", "--file", str(tmp_path / DOCKERFILE), "--tag", "t:1"]
    assert "org.opencontainers.image.revision=abc123" in plain
    assert not {"--timestamp", "--pull-never", "--build-arg"} & {*plain}
    local = build_command("buildah", "t:1", tmp_path, REVISION, IMAGE, tmp_path / "uv")
    assert local[local.index("--timestamp") + 1] == "1700000000"
    assert local[local.index("--build-arg") + 1] == f"BASE_IMAGE={IMAGE}"
    assert "--pull-never" in local
    assert local[local.index("--volume") + 1] == f"{tmp_path}/uv:/etc/uv:ro"
    assert local[-1] == str(tmp_path)


def test_a_failed_build_is_an_error(programs: Programs, capsys: pytest.CaptureFixture[str]) -> None:
    """The status is 1, and the message has the command's status and the remedy."""
    programs.add("docker", 'case "$1" in info) echo 27.0.1 ;; build) exit 9 ;; esac')
    programs.add("git", 'for last; do :; done; [ "$3" = archive ] && : > /dev/null; exit 128')
    assert main(["--engine", "docker"]) == 1
    assert "git cannot export the commit" in capsys.readouterr().err


def test_the_dockerfile_has_neither_root_nor_latest() -> None:
    """The image runs as the user of the manifests, from the lock with hashes, and its last stage has no package index."""
    text = (ROOT / DOCKERFILE).read_text(encoding="utf-8")
    last_stage = text.rpartition("\nFROM ")[2]
    assert "USER 1034:1034" in last_stage
    assert "UV_DEFAULT_INDEX" not in last_stage
    assert "--require-hashes -r requirements/training.txt" in text
    assert ":latest" not in text
