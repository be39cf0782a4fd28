"""Building an image twice: the commands of each round, and the result, with programs of the test in the place of the builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy import double_build
from deploy.double_build import build_round, main
from deploy.errors import ImageError
from tests.deploy.archives import layer, write_archive
from tests.deploy.conftest import Programs


def test_a_round_uses_the_models_and_a_bento_store_of_its_own(
    session_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both Bentos have the same version, and no step of a former build is used."""
    commands: list[list[str]] = []
    homes = set[str]()

    def watch(arguments: list[str], environment: dict[str, str], remedy: str) -> None:
        commands.append(arguments[1:])
        homes.add(environment["BENTOML_HOME"])

    monkeypatch.setattr(double_build, "watch", watch)
    build_round(tmp_path, "churn:a", "image:1", "buildah", "debootstrap")
    assert commands[0] == ["-m", "training", "bento", "churn:a", "--version", "twice"]
    image = ["-m", "deploy.image", "--bento", "tabento-churn:twice", "--tag", "image:1", "--engine", "buildah"]
    assert commands[1] == [*image, "--no-cache", "--base", "debootstrap"]
    assert homes == {str(tmp_path)}
    assert (tmp_path / "models").resolve() == (session_store / "models").resolve()


@pytest.mark.parametrize(("second", "status"), [(b"1", 0), (b"2", 1)])
def test_equal_images_have_status_0(
    programs: Programs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    second: bytes,
    status: int,
) -> None:
    """A difference is named and has status 1; both images are removed in any case."""
    archives = [
        write_archive(tmp_path / f"{n}.tar", [layer({"a": content})]) for n, content in ((1, b"1"), (2, second))
    ]
    saved = f'case "$4" in *:1) /bin/cp {archives[0]} "$3";; *) /bin/cp {archives[1]} "$3";; esac'
    programs.add("docker", f"case $1 in info) echo 27;; save) {saved};; esac")
    monkeypatch.setattr(double_build, "build_round", lambda *_: None)
    assert main(["churn"]) == status
    assert ("equal: 1 files" if status == 0 else "layer 1, file a") in capsys.readouterr().out
    assert len([call for call in programs.calls() if call.startswith("docker rmi")]) == 2


def test_a_failed_build_has_status_1(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is one line, and there is nothing to remove."""
    programs.add("docker", "echo 27")

    def fail(*_: object) -> None:
        raise ImageError("no model")

    monkeypatch.setattr(double_build, "build_round", fail)
    assert main(["churn"]) == 1
    assert capsys.readouterr().err == "error: no model\n"
    assert not [call for call in programs.calls() if "rmi" in call]
