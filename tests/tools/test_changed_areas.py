"""The jobs of a pull request run if a file of their area changed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tools.changed_areas import AREAS, ROOT, SHARED_FILES, changed_areas, changed_files, main, matches_pattern


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], set()),
        (["docs/keys.md", "README.md", "docs/images/a.png"], set()),
        (["serving/codec/values.py"], {"code", "image"}),
        (["training/gate/run.py", "docs/training.md"], {"code"}),
        (["benchmarks/loadgen/client.py"], {"code"}),
        (["deploy/kubernetes/base/deployment.yaml"], {"manifests"}),
        (["deploy/docker/Dockerfile.j2"], {"image", "manifests"}),
        (["deploy/compose/haproxy.cfg"], {"code", "manifests"}),
        (["tests/deploy/manifests/test_render.py"], {"code", "image", "manifests"}),
        (["configs/serving.yaml"], {"code", "image", "manifests"}),
        (["bentofile.yaml"], {"image"}),
        (["requirements/serving.txt"], set(AREAS)),
        ([".github/actions/setup/action.yml"], set(AREAS)),
        (["docs/keys.md", "a-new-folder/file.txt"], set(AREAS)),
    ],
)
def test_areas_of_files(files: list[str], expected: set[str]) -> None:
    """Documents change no area, sources change theirs, and an unknown file changes every area."""
    assert {area for area, is_changed in changed_areas(files).items() if is_changed} == expected


def test_every_tracked_file_is_known() -> None:
    """A pattern exists for each tracked file: a forgotten one would start every job."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [name for name in listing.split("\0") if name]
    unknown_files = [
        name for name in files if all(changed_areas([name]).values()) and not matches_pattern(name, SHARED_FILES)
    ]
    assert not unknown_files


def test_an_area_is_an_output_of_the_workflow() -> None:
    """The first job of the workflow hands each area to the other jobs."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert set(workflow["jobs"]["changes"]["outputs"]) == set(AREAS)


def _git(folder: Path, *words: str) -> None:
    user = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *user, *words], cwd=folder, check=True, capture_output=True)


def test_deleted_files_and_other_branches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A deleted file is a change; the commits that the base received meanwhile are not."""
    for name in ("serving/model.py", "docs/a.md"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("1\n")
    _git(tmp_path, "init", "--quiet", "--initial-branch=main")
    for branch, name in (("main", ""), ("other", "docs/a.md"), ("main", "serving/model.py")):
        if name:
            _git(tmp_path, "checkout", "--quiet", *(["-b"] if branch == "other" else []), branch)
            (tmp_path / name).unlink()
        _git(tmp_path, "add", "--all")
        _git(tmp_path, "commit", "--quiet", "--message", "change")
    _git(tmp_path, "checkout", "--quiet", "other")

    assert changed_files(tmp_path, "main") == ["docs/a.md"]
    assert main(["main"], tmp_path) == 0
    assert set(capsys.readouterr().out.split()) == {f"{area}=false" for area in AREAS}


@pytest.mark.parametrize("arguments", [[], [""]])
def test_without_a_base_everything_runs(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A push to main has no base."""
    assert main(arguments) == 0
    assert set(capsys.readouterr().out.split()) == {f"{area}=true" for area in AREAS}


def test_an_unknown_base_fails(tmp_path: Path) -> None:
    """A commit that git does not know must not skip the tests."""
    _git(tmp_path, "init", "--quiet")
    with pytest.raises(subprocess.CalledProcessError):
        main(["0" * 40], tmp_path)
