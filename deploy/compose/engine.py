"""The command that reads compose files on this computer: Docker's, or Podman's."""

from __future__ import annotations

import shutil

from deploy.command import run_command
from deploy.errors import ImageError, StackError

COMMANDS = (("docker", "compose"), ("docker-compose",), ("podman", "compose"), ("podman-compose",))
"""The commands, in the order of preference."""
_INSTALL = (
    "Install Docker with its plugin compose (https://docs.docker.com/compose/install/), or Podman and podman-compose"
)


def find_compose() -> tuple[str, ...]:
    """Return the first command that answers its version and whose engine works.

    Raises:
        StackError: none works; the message has the fault of each.
    """
    faults = []
    for command in COMMANDS:
        name = " ".join(command)
        if shutil.which(command[0]) is None:
            faults.append(f"{name}: {command[0]} is not installed")
            continue
        try:
            run_command([*command, "version"])
            run_command(["docker" if command[0].startswith("docker") else "podman", "info"])
        except ImageError as error:
            faults.append(f"{name}: {error}")
        else:
            return command
    raise StackError(
        "no command for compose files works on this computer:\n  "
        + "\n  ".join(faults)
        + f"\n{_INSTALL}. `make stack` runs the same programs from Debian's packages without containers."
    )
