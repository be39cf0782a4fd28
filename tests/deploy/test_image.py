"""Making an image: the command, a real small Bento through BentoML to a recording engine, and every failure's message."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bentoml
import pytest

from deploy.base import IMAGE
from deploy.engine import Engine
from deploy.errors import ImageError
from deploy.image import build_image, containerize_command, find_bento, main
from tests.conftest import bentoml_home
from tests.deploy.conftest import Programs

SERVICE = """
import bentoml

@bentoml.service(name="pebble")
class Pebble:
    @bentoml.api
    def weigh(self) -> float:
        return 1.0
"""
BENTOFILE = "service: 'service:Pebble'\ninclude: [service.py]\npython: {lock_packages: false, packages: [numpy]}\n"
DOCKER = """
case "$1" in
  info) echo 27.0.1 ;;
  version) echo '"27.0.1"' ;;
  build) for last; do :; done; /bin/cp "$last/env/docker/Dockerfile" "{folder}/Dockerfile" ;;
  image) echo 123400000 ;;
esac
"""


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tag of a Bento with a service of one line, in a store of its own."""
    folder = tmp_path_factory.mktemp("pebble")
    (folder / "service.py").write_text(SERVICE, encoding="utf-8")
    (folder / "bentofile.yaml").write_text(BENTOFILE, encoding="utf-8")
    # BentoML wants a uv on PATH before it builds, and with unlocked packages does not run it.
    uv = folder / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text("#!/bin/sh\n", encoding="utf-8")
    uv.chmod(0o755)
    environment = {**os.environ, "PATH": f"{uv.parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "bentoml", "build", "--output", "tag"]
    process = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return process.stdout.strip().splitlines()[-1].removeprefix("__tag__:")


def test_the_command_that_makes_an_image() -> None:
    """Without a base the Bento's own is used; a given base replaces the first FROM, and no image is pulled."""
    plain = containerize_command("pebble:1", "pebble:1", "docker")
    assert plain[1:] == ["-m", "bentoml", "containerize", "pebble:1", "--backend", "docker", "--image-tag", "pebble:1"]
    based = containerize_command("pebble:1", "p:x", "buildah", "base:1", Path("/settings"))
    assert based[-6:] == ["--opt", "from=base:1", "--opt", "pull-never", "--opt", "volume=/settings:/etc/uv:ro"]


def test_a_bento_becomes_an_image(programs: Programs, pebble: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The engine gets BentoML's Dockerfile, and the tool prints the engine, the image, its size and the command that runs it."""
    programs.add("docker", DOCKER.format(folder=programs.folder))
    assert main(["--bento", pebble, "--tag", "pebble:test"]) == 0
    output = capfd.readouterr().out
    assert "engine: docker (docker works)" in output
    assert "image: pebble:test, 123 MB" in output
    assert "try it: docker run --rm -p 127.0.0.1:3000:3000 -e TABENTO_ALLOW_NO_KEYS=true pebble:test" in output
    dockerfile = (programs.folder / "Dockerfile").read_text(encoding="utf-8")
    assert "USER bentoml" in dockerfile
    assert [call for call in programs.calls() if call.startswith("docker build") and "--tag pebble:test" in call]


def test_a_failed_build_is_an_error(programs: Programs, pebble: str, capfd: pytest.CaptureFixture[str]) -> None:
    """BentoML hides a failed build behind a None; the tool ends with 1, without a size and a line to run."""
    programs.add("docker", DOCKER.format(folder=programs.folder).replace("build)", "build) exit 7 ;; never)"))
    assert main(["--bento", pebble]) == 1
    output = capfd.readouterr()
    assert "bentoml containerize" in output.err
    assert "ended with status 1, expected 0" in output.err
    assert "run it" not in output.out


def test_no_engine_ends_with_one_message(programs: Programs, capfd: pytest.CaptureFixture[str]) -> None:
    """Status 1 and no traceback."""
    assert main([]) == 1
    output = capfd.readouterr().err
    assert output.startswith("error: no container engine works on this machine")
    assert "Traceback" not in output


def test_an_unknown_bento_says_how_to_build_one(
    programs: Programs, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The store is checked before any engine builds."""
    programs.add("docker", "echo 27.0.1")
    with bentoml_home(tmp_path / "empty"):
        assert main([]) == 1
        assert "holds no Bento of a model: build one with `make bento MODEL=NAME`" in capfd.readouterr().err
        assert main(["--bento", "tabento-churn"]) == 1
    assert "holds no 'tabento-churn': build it with `make bento`" in capfd.readouterr().err


def test_a_tag_that_is_none_is_refused(session_store: Path) -> None:
    """A name that BentoML cannot parse as a tag is the same error as a missing Bento."""
    with pytest.raises(ImageError, match="holds no"):
        find_bento("no such:thing here")


def test_the_bento_is_found_by_its_tag(pebble: str) -> None:
    """Without a version the latest is meant."""
    assert isinstance(find_bento("pebble"), bentoml.Bento)
    assert str(find_bento("pebble").tag) == pebble


def test_a_base_from_an_earlier_run_is_used_again(
    programs: Programs, pebble: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base is not built again; the build runs in chroot isolation, on that base, with settings that only it sees."""
    monkeypatch.delenv("BUILDAH_ISOLATION", raising=False)
    programs.add("buildah", f'[ "$1" != build ] || echo "$BUILDAH_ISOLATION" > "{programs.folder}/isolation"')
    programs.add("pip", "echo \"global.index-url='file:///index'\"")
    monkeypatch.setattr("sys.prefix", str(programs.folder))
    build_image(pebble, "pebble:based", Engine("buildah", ""), "debootstrap")
    build = next(call for call in programs.calls() if call.startswith("buildah build"))
    assert f"--from {IMAGE}" in build
    assert "--pull-never" in build
    assert ":/etc/uv:ro" in build
    assert (programs.folder / "isolation").read_text(encoding="utf-8") == "chroot\n"
    output = capfd.readouterr().out
    assert "from an earlier run" in output
    assert "not used by the build: 1" in output


def test_a_named_base_is_used_as_it_is(programs: Programs, pebble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No base is made, and the isolation is the engine's own."""
    monkeypatch.delenv("BUILDAH_ISOLATION", raising=False)
    programs.add("buildah", f'[ "$1" != build ] || echo "<$BUILDAH_ISOLATION>" > "{programs.folder}/isolation"')
    build_image(pebble, "pebble:based", Engine("buildah", ""), "localhost/mine:1")
    assert [call for call in programs.calls() if "--from localhost/mine:1" in call]
    assert (programs.folder / "isolation").read_text(encoding="utf-8") == "<>\n"
