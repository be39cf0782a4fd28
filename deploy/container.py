"""A running container of an image, for the proof of an image and for its tests.

The container is as a careful platform runs it: a read-only root file system, no capabilities, no new privileges, a
temporary file system at /tmp and one for the service's state. Docker and podman run it themselves. Buildah only
builds: its image is run by runc, the runtime that Docker also uses, with the image's own entry point, user and variables.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.command import run_command
from deploy.engine import Engine
from deploy.errors import ImageError
from tools.ports import free_port

STATE_FOLDER = "/var/lib/tabento"
"""The folder of the state volume in the image."""
USER_ID = 1034
"""The user and the group of the service in the image."""
EXEC_TIMEOUT_S = 60.0

_TMP_OPTIONS = ("nosuid", "nodev", "noexec", "mode=1777")
_STATE_OPTIONS = ("nosuid", "nodev", "noexec", "mode=0700", f"uid={USER_ID}", f"gid={USER_ID}")
_numbers = itertools.count()


@dataclass(frozen=True)
class Volume:
    """A folder of this machine in the container."""

    source: Path
    target: str
    read_only: bool = True


@dataclass(frozen=True)
class RunOptions:
    """The way in which a container is run."""

    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    """The arguments of the entry point in place of the image's CMD."""
    volumes: tuple[Volume, ...] = ()
    state: bool = True
    """Whether the state folder can be written; otherwise it is part of the read-only root."""
    published: bool = True
    """Whether this machine can connect to the service; otherwise the container has a network of its own."""


@dataclass(frozen=True)
class ImageConfig:
    """The part of an image's configuration that a runtime needs."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: tuple[str, ...]
    user: str
    folder: str
    healthcheck: tuple[str, ...]
    """The command of HEALTHCHECK, without the word CMD; empty if the image's format has none."""
    labels: Mapping[str, str]


def read_image_config(engine: Engine, image: str) -> ImageConfig:
    """Return the configuration of an image of the engine's store.

    Raises:
        ImageError: the engine does not hold the image.
    """
    if engine.name == "buildah":
        content = json.loads(run_command([engine.name, "inspect", "--type", "image", image]))["Docker"]["config"]
    else:
        content = json.loads(run_command([engine.name, "image", "inspect", image]))[0]
        # Podman has the healthcheck beside the configuration.
        content = {"Healthcheck": content.get("HealthCheck"), **content["Config"]}
    health = (content.get("Healthcheck") or {}).get("Test") or ()
    return ImageConfig(
        entrypoint=tuple(content.get("Entrypoint") or ()),
        command=tuple(content.get("Cmd") or ()),
        environment=tuple(content.get("Env") or ()),
        user=content.get("User") or "",
        folder=content.get("WorkingDir") or "/",
        healthcheck=tuple(health[1:] if health[:1] == ["CMD"] else health),
        labels=content.get("Labels") or {},
    )


def wait_for(condition: Callable[[], bool], deadline_s: float, fault: Callable[[], str]) -> float:
    """Return the seconds until a condition became true.

    Raises:
        ImageError: it did not within ``deadline_s`` seconds; the text is the fault's.
    """
    start, pause = time.monotonic(), threading.Event()
    while not condition():
        if time.monotonic() - start > deadline_s:
            raise ImageError(f"{fault()} (waited {deadline_s:g} s)")
        pause.wait(0.05)
    return time.monotonic() - start


class Container(ABC):
    """A container whose first process runs the image's entry point.

    Args:
        engine: the engine that holds the image.
        image: the image.
        options: see ``RunOptions``.
        folder: a folder for the log and for the runtime's own files.
    """

    def __init__(self, engine: Engine, image: str, options: RunOptions, folder: Path) -> None:
        self.engine = engine
        self.options = options
        self.name = f"tabento-proof-{os.getpid()}-{next(_numbers)}"
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._log_path = folder / "log"
        try:
            command = self._command(image, folder)
        except ImageError:
            self._remove()
            raise
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    @abstractmethod
    def _command(self, image: str, folder: Path) -> list[str]:
        """Return the command that runs the container in the foreground and ends with its exit code."""

    @abstractmethod
    def _exec_command(self, command: Sequence[str]) -> list[str]:
        """Return the command that runs a program in the running container."""

    @abstractmethod
    def _kill_command(self, number: signal.Signals) -> list[str]:
        """Return the command that sends a signal to the first process of the container."""

    @abstractmethod
    def _remove(self) -> None:
        """Remove the container, also if it still runs."""

    @property
    def log(self) -> str:
        """The output of the container so far."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    def records(self) -> list[dict[str, Any]]:
        """Return the lines of the service log; a line that is not JSON is a record with its text as the message."""
        return [_record(line) for line in self.log.splitlines() if line.strip()]

    @property
    def exit_code(self) -> int | None:
        """The exit code of the entry point; None while it runs."""
        return self._process.poll()

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the container, as the service's user, and return its status and output."""
        return subprocess.run(
            self._exec_command(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=EXEC_TIMEOUT_S,
            check=False,
        )

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the first process, as an orchestrator does.

        Raises:
            ImageError: the container does not run.
        """
        run_command(self._kill_command(number))

    def wait_for_end(self, deadline_s: float) -> int:
        """Return the exit code as soon as the container has ended.

        Raises:
            ImageError: it did not within ``deadline_s`` seconds.
        """
        try:
            return self._process.wait(deadline_s)
        except subprocess.TimeoutExpired as error:
            raise ImageError(self.with_log(f"the container did not end within {deadline_s:g} s")) from error

    def wait_for_start(self, is_ready: Callable[[], bool], deadline_s: float) -> float:
        """Return the seconds until the service was ready.

        Raises:
            ImageError: the container has ended, or was not ready in time.
        """
        seconds = wait_for(
            lambda: self.exit_code is not None or is_ready(),
            deadline_s,
            lambda: self.with_log("the container did not get ready"),
        )
        if self.exit_code is not None:
            raise ImageError(self.with_log(f"the container ended with status {self.exit_code} before it was ready"))
        return seconds

    def with_log(self, fault: str) -> str:
        """Return a fault with the end of the container's log."""
        return f"{fault}. The end of its log:\n{self.log[-2000:]}"

    def close(self) -> None:
        """End and remove the container."""
        self._remove()
        if self._process.poll() is None:
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class EngineContainer(Container):
    """A container of Docker or podman."""

    def _command(self, image: str, folder: Path) -> list[str]:
        options = self.options
        command = [self.engine.name, "run", "--rm", "--name", self.name, "--read-only", "--cap-drop=ALL"]
        command += ["--security-opt=no-new-privileges", "--tmpfs", f"/tmp:{','.join(_TMP_OPTIONS)}"]  # noqa: S108 - in the container
        if options.state:
            command += ["--tmpfs", f"{STATE_FOLDER}:{','.join(_STATE_OPTIONS)}"]
        for volume in options.volumes:
            command += ["--volume", f"{volume.source}:{volume.target}{':ro' if volume.read_only else ''}"]
        command += ["--publish", f"127.0.0.1:{self.port}:{self.port}"] if options.published else ["--network", "none"]
        environment = {"PORT": str(self.port)} if options.published else {}
        for name, value in {**environment, **options.environment}.items():
            command += ["--env", f"{name}={value}"]
        return [*command, image, *options.arguments]

    def _exec_command(self, command: Sequence[str]) -> list[str]:
        return [self.engine.name, "exec", self.name, *command]

    def _kill_command(self, number: signal.Signals) -> list[str]:
        return [self.engine.name, "kill", "--signal", number.name, self.name]

    def _remove(self) -> None:
        _run_quietly(self.engine.name, "rm", "--force", self.name)


class RuncContainer(Container):
    """A container of an image of buildah's store, run by runc in this machine's network.

    The service listens at the loopback interface only, since nothing separates its network from this machine's.
    """

    def _command(self, image: str, folder: Path) -> list[str]:
        run_command([self.engine.name, "from", "--pull-never", "--name", self.name, image])
        root = run_command([self.engine.name, "mount", self.name])
        run_command(["runc", "spec", "--bundle", str(folder)])
        path = folder / "config.json"
        template = json.loads(path.read_text(encoding="utf-8"))
        config = read_image_config(self.engine, image)
        path.write_text(json.dumps(self._specification(template, config, root)), encoding="utf-8")
        return ["runc", "run", "--bundle", str(folder), self.name]

    def _specification(self, template: dict[str, Any], config: ImageConfig, root: str) -> dict[str, Any]:
        """Return the runtime's configuration (OCI runtime specification 1.0).

        Raises:
            ImageError: the image's user is not a number, which only the database of users in the image could translate.
        """
        user = re.fullmatch(r"(\d+)(?::(\d+))?", config.user)
        if user is None:
            raise ImageError(
                f"expected a user by number in the image, such as {USER_ID}:{USER_ID}, got {config.user!r}."
            )
        options = self.options
        environment = dict(variable.split("=", 1) for variable in config.environment)
        if options.published:
            environment |= {"BENTOML_HOST": "127.0.0.1", "PORT": str(self.port)}
        environment |= options.environment
        mounts = [mount for mount in template["mounts"] if mount["type"] not in ("cgroup", "sysfs")]
        mounts.append(_tmpfs("/tmp", _TMP_OPTIONS))  # noqa: S108 - in the container
        if options.state:
            mounts.append(_tmpfs(STATE_FOLDER, _STATE_OPTIONS))
        for volume in options.volumes:
            rights = "ro" if volume.read_only else "rw"
            mounts.append(
                {
                    "type": "bind",
                    "source": str(volume.source),
                    "destination": volume.target,
                    "options": ["rbind", rights],
                }
            )
        shared = {"network"} if options.published else set()
        return {
            **template,
            "hostname": "tabento",
            "root": {"path": root, "readonly": True},
            "mounts": mounts,
            "process": {
                "terminal": False,
                "user": {"uid": int(user[1]), "gid": int(user[2] or user[1])},
                "args": [*config.entrypoint, *(options.arguments or config.command)],
                "env": [f"{name}={value}" for name, value in environment.items()],
                "cwd": config.folder,
                "capabilities": {},
                "noNewPrivileges": True,
            },
            "linux": {
                **template["linux"],
                "resources": {},
                "namespaces": [space for space in template["linux"]["namespaces"] if space["type"] not in shared],
            },
        }

    def _exec_command(self, command: Sequence[str]) -> list[str]:
        return ["runc", "exec", self.name, *command]

    def _kill_command(self, number: signal.Signals) -> list[str]:
        return ["runc", "kill", self.name, number.name]

    def _remove(self) -> None:
        _run_quietly("runc", "delete", "--force", self.name)
        _run_quietly(self.engine.name, "rm", self.name)


@contextmanager
def run_container(engine: Engine, image: str, options: RunOptions | None = None) -> Iterator[Container]:
    """Run a container until the block ends.

    Args:
        engine: the engine that holds the image; with buildah, runc must be installed and this must be root.
        image: the image.
        options: see ``RunOptions``.

    Raises:
        ImageError: a program of the runtime is missing or failed.
    """
    kind = RuncContainer if engine.name == "buildah" else EngineContainer
    if kind is RuncContainer:
        require_runc()
    with tempfile.TemporaryDirectory(prefix="tabento-container-") as folder:
        container = kind(engine, image, options or RunOptions(), Path(folder))
        try:
            yield container
        finally:
            container.close()


def require_runc() -> None:
    """Require what a container of buildah's store needs.

    Raises:
        ImageError: this is not root, or runc is not installed.
    """
    if os.geteuid() != 0:
        raise ImageError(
            f"buildah's images are run by runc, which needs root, and this is user {os.geteuid()}. Run it with sudo."
        )
    try:
        run_command(["runc", "--version"])
    except ImageError as error:
        raise ImageError(
            f"buildah only builds images; runc runs them, and it does not work here: {error} On Debian: `apt-get install runc`."
        ) from error


def _run_quietly(*command: str) -> None:
    """Run a command that may fail, such as the removal of a container that has removed itself."""
    with suppress(ImageError):
        run_command(command)


def _tmpfs(target: str, options: Sequence[str]) -> dict[str, Any]:
    return {"type": "tmpfs", "source": "tmpfs", "destination": target, "options": list(options)}


def _record(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        return {"message": line}
    return record if isinstance(record, dict) else {"message": line}
