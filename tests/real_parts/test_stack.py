"""`make stack` with Debian's programs: the whole check, and what happens if a part dies or the command is interrupted."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import bentoml
import psutil
import pytest

from deploy.stack.parts import REPLICAS
from tests.bundles import write_bundle
from tests.conftest import bentoml_home
from tests.servers import wait_until

ROOT = Path(__file__).parents[2]
END_S = 300.0
READY = re.compile(r"^(\S+)\s+ready after .* process ([0-9]+), log", re.MULTILINE)
PARTS = ["postgres", "redis", "alertmanager", "mlflow", *REPLICAS, "haproxy", "prometheus"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user of Postgres can enter, which pytest's own folders do not allow."""
    path = Path(tempfile.mkdtemp(prefix="tabento-stack-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def store(folder: Path) -> Iterator[Path]:
    """A model store with the orchard's bundle."""
    with bentoml_home(folder / "store") as home:
        with bentoml.models.create("orchard:v1", module="tabento") as model:
            write_bundle(Path(model.path))
        yield home


class StackCommand:
    """A running `python -m deploy.stack`.

    Args:
        home: the BENTOML_HOME with the bundle.
        folder: the folder of the stack and of the command's output.
        arguments: more arguments.
    """

    def __init__(self, home: Path, folder: Path, *arguments: str) -> None:
        self._output = folder / "output"
        command = [sys.executable, "-m", "deploy.stack", "--model", "orchard", "--folder", str(folder / "stack")]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, *arguments],
                cwd=ROOT,
                env={
                    **os.environ,
                    "BENTOML_HOME": str(home),
                    "TABENTO_MONITORING": "true",
                    "TABENTO_SLO_P99_MS": "60000",
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def output(self) -> str:
        """Return what the command has printed."""
        return self._output.read_text(encoding="utf-8")

    def pids(self) -> dict[str, int]:
        """Return the process of each part that was ready."""
        return {name: int(pid) for name, pid in READY.findall(self.output())}

    def wait_until_running(self) -> dict[str, int]:
        """Return the process of each part when all parts are ready."""
        wait_until(lambda: "Ctrl-C ends" in self.output() or self.process.poll() is not None, "the stack to start")
        assert self.process.poll() is None, self.output()
        return self.pids()

    def wait(self) -> int:
        """Return the exit status."""
        return self.process.wait(END_S)

    def kill(self) -> None:
        """End the command if it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(END_S)


def test_the_whole_check_succeeds(store: Path, folder: Path) -> None:
    """A prediction, a truth, a limit, a run and an alert pass through the stack; afterwards no part runs."""
    command = StackCommand(store, folder, "--check")
    try:
        assert command.wait() == 0, command.output()
    finally:
        command.kill()
    output = command.output()
    steps = ("prediction", "log", "feedback", "rate limit", "mlflow", "prometheus", "alert")
    assert all(re.search(rf"^{step}\s.*\([0-9.]+ s\)$", output, re.MULTILINE) for step in steps)
    assert sorted(command.pids()) == sorted(PARTS)
    assert not any(psutil.pid_exists(pid) for pid in command.pids().values())


def test_a_dead_part_ends_the_stack_and_sigterm_too(store: Path, folder: Path) -> None:
    """A killed part is an error that names it; the data survives, and SIGTERM ends a second start with status 0."""
    command = StackCommand(store, folder)
    try:
        pids = command.wait_until_running()
        psutil.Process(pids["redis"]).kill()
        assert command.wait() == 1
        assert re.search(r"^error: redis ended with status -9\.", command.output(), re.MULTILINE)
        assert not any(psutil.pid_exists(pid) for pid in pids.values())
        command = StackCommand(store, folder)
        pids = command.wait_until_running()
        command.process.send_signal(signal.SIGTERM)
        assert command.wait() == 0
        assert not any(psutil.pid_exists(pid) for pid in pids.values())
    finally:
        command.kill()
