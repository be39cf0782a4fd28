"""The surroundings of a start: its model store, variables, address, and the things that are kept open meanwhile."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.rollout_faults.versions import MODEL, store_version, tag_of
from tools.ports import free_port

_CAPABILITIES = {"dac_override": 1, "dac_read_search": 2, "net_bind_service": 10}
"""The rights of root that an ordinary user does not have (linux/capability.h)."""
_WITHOUT_CAPABILITIES = f"""
import ctypes, os, sys
for number in {sorted(_CAPABILITIES.values())}:
    ctypes.CDLL(None).prctl(24, number, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Runs a command that does not get these rights (prctl, PR_CAPBSET_DROP)."""


@dataclass
class Surroundings:
    """The surroundings of one start, which a fault changes."""

    folder: Path
    environment: dict[str, str]
    stack: ExitStack
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    wrapper: tuple[str, ...] = ()
    """A command that runs the service."""

    @property
    def bundle(self) -> Path:
        """The folder of the bundle that is served."""
        return Path(self.environment["BENTOML_HOME"], "models", MODEL, "v1")

    @property
    def monitoring(self) -> Path:
        """The folder of the monitor's files."""
        return Path(self.environment["TABENTO_MONITORING_FOLDER"])

    def drop_rights_of_root(self) -> None:
        """Run the service without the rights of root that would hide missing rights of files and ports."""
        if os.geteuid() == 0:
            self.wrapper = (sys.executable, "-c", _WITHOUT_CAPABILITIES)


@contextmanager
def surroundings(folder: Path, home: Path) -> Iterator[Surroundings]:
    """Yield the surroundings of a start that succeeds.

    Args:
        folder: an empty folder for the files of the start.
        home: the model store, see ``make_home``; a fault that changes it makes a copy.
    """
    with ExitStack() as stack:
        environment = {
            "BENTOML_HOME": str(home),
            "BENTOML_DO_NOT_TRACK": "True",
            "ORT_DISABLE_TELEMETRY": "1",
            "TABENTO_MODEL": tag_of("v1"),
            "TABENTO_ENV_FILE": "",
            "TABENTO_DRAIN_S": "0",
            "TABENTO_MONITORING": "false",
            "TABENTO_MONITORING_FOLDER": str(folder / "monitoring"),
            "TABENTO_ROLLOUT_FOLDER": str(folder / "rollout"),
        }
        yield Surroundings(folder, environment, stack)


def make_home() -> None:
    """Store the bundle that is served in the present BENTOML_HOME."""
    store_version("v1")


if __name__ == "__main__":
    make_home()
