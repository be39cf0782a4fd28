"""Choosing among the engines of a machine."""

from __future__ import annotations

import shlex

import pytest

from deploy.engine import DAEMONLESS, SERVE, Engine, choose_engine
from deploy.errors import ImageError
from tests.deploy.conftest import Programs


def test_docker_comes_first(programs: Programs) -> None:
    """If all engines work, Docker is used and the others are not tested."""
    for name in ("docker", "podman", "buildah"):
        programs.add(name, "echo 27.0.1")
    assert choose_engine() == Engine("docker", "docker works")
    assert programs.calls() == ["docker info --format {{.ServerVersion}}"]


@pytest.mark.parametrize("answer", ["echo 'Cannot connect to the daemon' >&2; exit 1", "echo"])
def test_a_client_without_a_daemon_is_no_engine(programs: Programs, answer: str) -> None:
    """The next engine is used, and the reason names the fault of the first."""
    programs.add("docker", answer)
    programs.add("buildah", "echo overlay")
    engine = choose_engine()
    assert engine.name == "buildah"
    assert "docker is installed but" in engine.reason
    assert "podman is not installed; buildah works" in engine.reason


def test_no_engine_says_what_to_install(programs: Programs) -> None:
    """The error lists each engine's fault and a remedy."""
    programs.add("docker", "echo 'no daemon' >&2; exit 1")
    with pytest.raises(ImageError) as error:
        choose_engine()
    message = str(error.value)
    assert "status 1: no daemon" in message
    assert "buildah is not installed" in message
    assert "apt-get install podman" in message


def test_the_wanted_engine_is_the_only_one_asked(programs: Programs) -> None:
    """If --engine names an engine that does not work, no other engine is used."""
    programs.add("docker", "echo 27.0.1")
    programs.add("podman", "exit 1")
    with pytest.raises(ImageError, match="podman is installed but does not work"):
        choose_engine("podman")
    assert choose_engine("docker").reason == "the command line names it"


def test_an_engine_that_cannot_do_it_is_refused(programs: Programs) -> None:
    """Docker cannot build a Bento on another base, so it is not a candidate."""
    programs.add("docker", "echo 27.0.1")
    with pytest.raises(ImageError, match="expected podman or buildah, got 'docker'"):
        choose_engine("docker", DAEMONLESS)
    assert programs.calls() == []


def test_sizes_are_asked_in_each_engines_way(programs: Programs) -> None:
    """Docker counts bytes, buildah writes a unit; an unknown image is an error."""
    programs.add("docker", '[ "$5" = there ] && echo 477300000 || exit 1')
    programs.add("buildah", "echo '477 MB'")
    docker = Engine("docker", "")
    assert docker.size("there") == "477 MB"
    assert Engine("buildah", "").size("there") == "477 MB"
    with pytest.raises(ImageError, match="image inspect"):
        docker.size("elsewhere")


def test_an_image_is_there_or_not(programs: Programs) -> None:
    """The status of the engine's own command shows whether its store has the image."""
    programs.add("buildah", '[ "$4" = there ]')
    engine = Engine("buildah", "")
    assert engine.holds("there")
    assert not engine.holds("elsewhere")


def test_the_line_that_runs_an_image() -> None:
    """Docker and podman publish a port; buildah needs the entry point on its command line."""
    assert Engine("podman", "").run_line("tabento:x") == (
        "podman run --rm -p 127.0.0.1:3000:3000 -e TABENTO_ALLOW_NO_KEYS=true tabento:x"
    )
    line = Engine("buildah", "").run_line("tabento:x")
    assert f"$(buildah from --pull-never tabento:x) -- {shlex.join(SERVE)} --host 127.0.0.1" in line
