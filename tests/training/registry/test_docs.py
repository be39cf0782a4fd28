"""docs/registry.md: every command in it is one that the command line takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.training.commands.parsing import parse_command
from training.registry.actions import ACTIONS

TEXT = (Path(__file__).parents[3] / "docs" / "registry.md").read_text(encoding="utf-8")
COMMANDS = re.findall(
    r"\btabento (?!train\b)([a-z]+ [^\n)`]+)", "\n".join(re.findall(r"```\n(.*?)```", TEXT, re.DOTALL))
)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_understood(command: str) -> None:
    """Names, options and their order are right."""
    words = shlex.split(command)
    assert words[0] in parse_command(words).command_path.split()


def test_every_action_is_documented() -> None:
    """Each action of ``tabento models`` is shown once at least."""
    documented = {command.split()[1] for command in COMMANDS if command.startswith("models")}
    assert documented == set(ACTIONS)
