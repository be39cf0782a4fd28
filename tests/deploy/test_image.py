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
from deploy.image import BuildOptions, build_image, containerize_command, find_bento, main
from tests.conftest import bentoml_home
from tests.deploy.archives import layer, write_archive
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
    """Labels and the time of the files are options; a base replaces the one of the Bento's first stage, also for docker."""
    plain = containerize_command("pebble:1", "pebble:1", "docker", BuildOptions(labels={"a": "b=c"}, epoch=7))
    assert plain[1:8] == ["-m", "bentoml", "containerize", "pebble:1", "--backend", "docker", "--image-tag"]
    assert plain[8:] == ["pebble:1", "--opt", "label=a=b=c", "--opt", "build-arg=SOURCE_DATE_EPOCH=7"]
    pinned = containerize_command("pebble:1", "p:x", "docker", BuildOptions("python:3.11-slim@sha256:00"))
    assert pinned[-2:] == ["--opt", "build-arg=BASE_IMAGE=python:3.11-slim@sha256:00"]
    based = containerize_command("pebble:1", "p:x", "buildah", BuildOptions(IMAGE, epoch=7), Path("/settings"))
    options = [
        "build-arg=SOURCE_DATE_EPOCH=7",
        "timestamp=7",
        "layers",
        "format=docker",
        f"build-arg=BASE_IMAGE={IMAGE}",
        "pull-never",
    ]
    assert [option for option in based[10:] if option != "--opt"] == [*options, "volume=/settings:/etc/uv:ro"]


def test_a_bento_becomes_an_image(
    programs: Programs, pebble: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The engine gets BentoML's Dockerfile, labels and options; the tool prints the engine, the image and the command that runs it.

    --sbom lists the finished image.
    """
    archive = write_archive(tmp_path / "image.tar", [layer({"usr/lib/os-release": b"ID=debian\nVERSION_ID=12\n"})])
    script = DOCKER.format(folder=programs.folder).replace("image)", f'save) /bin/cp {archive} "$3" ;; image)')
    programs.add("docker", script)
    bill = tmp_path / "bill.json"
    assert main(["--bento", pebble, "--tag", "pebble:test", "--sbom", str(bill), "--no-cache"]) == 0
    output = capfd.readouterr().out
    assert "engine: docker (docker works)" in output
    assert "image: pebble:test, 123 MB" in output
    assert "try it: docker run --rm -p 127.0.0.1:3000:3000 -e TABENTO_ALLOW_NO_KEYS=true pebble:test" in output
    assert f"bill of materials: {bill}, 1 components" in output
    assert "pkg:generic/debian@12" in bill.read_text(encoding="utf-8")
    dockerfile = (programs.folder / "Dockerfile").read_text(encoding="utf-8")
    assert "USER bentoml" in dockerfile
    build = next(call for call in programs.calls() if call.startswith("docker build"))
    version = pebble.partition(":")[2]
    for words in ("--tag pebble:test", "--no-cache", f"--label org.opencontainers.image.version={version}"):
        assert words in build


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
    build_image(pebble, "pebble:based", Engine("buildah", ""), BuildOptions("debootstrap"))
    build = next(call for call in programs.calls() if call.startswith("buildah build"))
    assert f"--build-arg BASE_IMAGE={IMAGE}" in build
    assert "--pull-never" in build
    assert ":/etc/uv:ro" in build
    assert (programs.folder / "isolation").read_text(encoding="utf-8") == "chroot\n"
    output = capfd.readouterr().out
    assert "from an earlier run" in output
    assert "not used by the build: 1" in output


def test_a_named_base_is_used_as_it_is(programs: Programs, pebble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No base is made, and the isolation is the engine's own; labels, time and base reach the engine."""
    monkeypatch.delenv("BUILDAH_ISOLATION", raising=False)
    programs.add("buildah", f'[ "$1" != build ] || echo "<$BUILDAH_ISOLATION>" > "{programs.folder}/isolation"')
    options = BuildOptions("localhost/mine:1", labels={"a.b": "c", "d": "e=f"}, epoch=9)
    build_image(pebble, "pebble:based", Engine("buildah", ""), options)
    build = next(call for call in programs.calls() if call.startswith("buildah build"))
    arguments = ("--build-arg SOURCE_DATE_EPOCH=9", "--build-arg BASE_IMAGE=localhost/mine:1", "--timestamp 9")
    for words in ("--label a.b=c", "--label d=e=f", *arguments):
        assert words in build
    assert "--pull-never" not in build
    assert (programs.folder / "isolation").read_text(encoding="utf-8") == "<>\n"
