"""The temporary folder of a run: model store, registry, data, reports, monitoring and logs are all inside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from tools.end_to_end.errors import StepError

ROOT = Path(__file__).parents[2]
LOG_LINES = 15
OWN_PREFIXES = ("TABENTO_", "BENTOML_", "MLFLOW_")
"""Variables of the user with these prefixes could lead a command out of the temporary folder."""


@dataclass(frozen=True)
class Home:
    """The folder, and the environment of every command."""

    folder: Path
    environment: Mapping[str, str]

    @classmethod
    def create(cls, folder: Path, environment: Mapping[str, str] = os.environ) -> Home:
        """Return the home in an empty folder.

        Args:
            folder: an existing folder.
            environment: the variables of the caller; those of Tabento, BentoML and MLflow are not inherited.
        """
        inherited = {name: value for name, value in environment.items() if not name.startswith(OWN_PREFIXES)}
        folders = {
            f"TABENTO_TRAINING_{name.upper()}_FOLDER": str(folder / name)
            for name in ("data", "runs", "registry", "artifacts")
        }
        (folder / "logs").mkdir()
        return cls(
            folder,
            {
                **inherited,
                **folders,
                "BENTOML_HOME": str(folder / "bentoml"),
                "BENTOML_DO_NOT_TRACK": "True",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "ORT_DISABLE_TELEMETRY": "1",
                "PYTHONPATH": str(ROOT),
                "PYTHONHASHSEED": "0",
                "TABENTO_MONITORING_FOLDER": str(folder / "monitoring"),
                "TABENTO_ROLLOUT_FOLDER": str(folder / "rollout"),
            },
        )

    def log_path(self, name: str) -> Path:
        """Return the path of a log."""
        return self.folder / "logs" / f"{name}.log"

    def log_tail(self, name: str) -> str:
        """Return the last lines of a log."""
        # Errors are written to standard error; a program that writes none may have said why on standard output.
        lines: list[str] = []
        for path in (self.folder / "logs" / f"{name}.out", self.log_path(name)):
            if path.is_file():
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines() or lines
        return "\n".join(lines[-LOG_LINES:]) or "(its log is empty)"

    def run(self, name: str, *arguments: str, timeout_s: float = 600.0) -> str:
        """Run ``python ARGUMENTS`` in this folder and return its standard output. Both outputs are kept in logs.

        Args:
            name: the name of the log.
            *arguments: the arguments of this interpreter.
            timeout_s: a command that takes longer is ended together with its children.

        Raises:
            StepError: the command failed or took too long.
        """
        command = [sys.executable, *arguments]
        with (
            self.log_path(name).open("wb") as log,
            subprocess.Popen(
                command,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            ) as process,
        ):
            try:
                output, _ = process.communicate(timeout=timeout_s)
            except BaseException as error:
                end_processes(family_of(process.pid))
                if isinstance(error, subprocess.TimeoutExpired):
                    raise StepError(
                        f"`python {' '.join(arguments)}` did not end within {timeout_s:g} s:\n{self.log_tail(name)}"
                    ) from None
                raise
        (self.folder / "logs" / f"{name}.out").write_bytes(output)
        if process.returncode:
            raise StepError(
                f"`python {' '.join(arguments)}` ended with status {process.returncode}:\n{self.log_tail(name)}"
            )
        return output.decode(errors="replace").strip()


def family_of(pid: int) -> list[psutil.Process]:
    """Return a process and all its children."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end_processes(processes: list[psutil.Process]) -> None:
    """Kill processes by their ids and wait for their end."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=10)
