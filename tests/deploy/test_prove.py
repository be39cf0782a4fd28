"""The proof's checks, each on something that must not pass. The proof itself is ``make image PROVE=1``."""

from __future__ import annotations

import os
import signal
import subprocess
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest

from deploy.engine import Engine
from deploy.errors import ImageError
from deploy.prove import Proof, check_answers, check_inside, find_server, prove, wait_for
from tests.deploy.conftest import Programs


def test_what_is_inside() -> None:
    """An image with its own user and without training packages passes; other output before the report is ignored."""
    assert check_inside("a warning\n[1034, []]") == 1034


@pytest.mark.parametrize(("report", "fault"), [("[0, []]", "runs as root"), ('[1034, ["pandas"]]', "import pandas")])
def test_root_or_training_inside_fails(report: str, fault: str) -> None:
    """Each fault is named with the file to check."""
    with pytest.raises(ImageError, match=fault):
        check_inside(report)


def test_answers_agree_within_the_tolerance() -> None:
    """A difference in the last digits is another processor's rounding."""
    check_answers([42.75, 1e6], {"predictions": [42.75, 1e6 * (1 + 1e-12)]})


@pytest.mark.parametrize("answer", [{"predictions": [1.0]}, {"predictions": [1.0, 2.1]}, {"error": {"code": "x"}}])
def test_other_answers_fail(answer: dict[str, Any]) -> None:
    """Too few, wrong or no predictions: the message has expected and got."""
    with pytest.raises(ImageError, match=r"expected .* got"):
        check_answers([1.0, 2.0], answer)


def test_waiting_ends_with_the_fault() -> None:
    """A condition that never holds ends at the deadline with the caller's message."""
    assert wait_for(lambda: True, 1, lambda: "never said") < 1
    with pytest.raises(ImageError, match=r"it is dead \(waited 0.1 s\)"):
        wait_for(lambda: False, 0.1, lambda: "it is dead")


def test_below_buildah_the_server_gets_the_signal(programs: Programs) -> None:
    """buildah would kill the server on SIGTERM; the first process below it that is not its own is signalled."""
    shell = programs.folder / "buildah"
    shell.symlink_to("/bin/sh")
    with subprocess.Popen([shell, "-c", "/bin/sleep 60; exit 0"]) as process:
        parent = psutil.Process(process.pid)
        wait_for(lambda: bool(parent.children()), 10, lambda: "the shell started nothing")
        wait_for(lambda: parent.children()[0].cmdline()[:1] == ["/bin/sleep"], 10, lambda: "it is not asleep")
        server = find_server(parent)
        assert server.cmdline() == ["/bin/sleep", "60"]
        server.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_an_engines_client_gets_the_signal_itself() -> None:
    """Every other engine's client hands signals on."""
    own_processes = psutil.Process(os.getpid())
    assert find_server(own_processes) == own_processes


def _bento(*tags: str) -> Any:
    return SimpleNamespace(tag="tabento:x", info=SimpleNamespace(all_models=[SimpleNamespace(tag=tag) for tag in tags]))


def test_a_container_that_ends_at_once_fails_with_its_log(programs: Programs, orchard_bundle: str) -> None:
    """The error has the end of the log, and the container is removed."""
    programs.add(
        "docker", 'case "$*" in *--entrypoint*) echo "[1034, []]" ;; run*) echo "no such model"; exit 1 ;; esac'
    )
    with pytest.raises(ImageError, match=r"ended with status 1 before it was ready.*\n.*no such model"):
        prove(Engine("docker", ""), "tabento:x", cast("Any", _bento(orchard_bundle)))
    assert programs.calls()[-1] == f"docker rm --force tabento-proof-{os.getpid()}"


def test_a_bento_of_no_bundle_cannot_be_proved() -> None:
    """A Bento holds exactly one bundle, and the store must still have it."""
    with pytest.raises(ImageError, match="expected one bundle"):
        prove(Engine("docker", ""), "tabento:x", cast("Any", _bento()))
    with pytest.raises(ImageError, match="make train MODEL=nothing"):
        prove(Engine("docker", ""), "tabento:x", cast("Any", _bento("nothing:v1")))


def test_a_proof_reads_as_a_sentence() -> None:
    """The printed text has the user, the times and the rows."""
    text = str(Proof(user=1034, ready_s=1.62, rows=2, stop_s=0.6))
    assert text.startswith("runs as user 1034 without sklearn, pandas")
    assert text.endswith("ready after 1.6 s; 2 predictions as here, none without a key; ended 0.6 s after SIGTERM")
