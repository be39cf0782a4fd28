"""The group of all commands: each is imported when it is called, and the help lists them in sections without that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click
from click.exceptions import NoSuchCommand
from click.shell_completion import CompletionItem

from tabento.command_line.commands import HELP_OPTIONS, WIDTH, write_examples


@dataclass(frozen=True)
class CommandEntry:
    """A command in the list of a group."""

    name: str
    module: str
    """The module that has the command as ``command``."""
    help: str
    """One line for the list of commands; also the beginning of the command's own help."""
    section: str
    """The heading in the list of commands."""


@dataclass(frozen=True)
class CommandEnd:
    """The end of a command, as opposed to the end of ``--help`` or ``--version``."""

    exit_code: int


class CommandGroup(click.Group):
    """A group whose commands are in modules of their own.

    Args:
        entries: the commands, in the order of the help.
    """

    def __init__(self, *arguments: Any, entries: Sequence[CommandEntry], **attributes: Any) -> None:
        attributes["context_settings"] = {**HELP_OPTIONS, **WIDTH, **(attributes.get("context_settings") or {})}
        super().__init__(*arguments, **attributes)
        self.entries = {entry.name: entry for entry in entries}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        command = import_module(entry.module).command
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of a name; an unknown name is an error that suggests the closest names."""
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            raise NoSuchCommand(args[0], possibilities=list(self.entries), ctx=ctx) from error

    def invoke(self, ctx: click.Context) -> CommandEnd:
        """Run the command and return its end."""
        return CommandEnd(int(super().invoke(ctx) or 0))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, section by section."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for entry in self.entries.values():
            sections.setdefault(entry.section, []).append((entry.name, entry.help))
        width = max(map(len, self.entries), default=0)
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples line by line."""
        write_examples(self.epilog, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command without importing any."""
        names = [entry for entry in self.entries.values() if entry.name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(entry.name, help=entry.help) for entry in names] + options


class ListedGroup(click.Group):
    """A group of a few commands, in their order and with its examples."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(self.commands)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples line by line."""
        write_examples(self.epilog, formatter)


def run_group(group: CommandGroup, words: Sequence[str], program: str, shared: object = None) -> int:
    """Run the command that the words name and return its exit code.

    Args:
        group: the commands.
        words: the command line without the program.
        program: the program's name in messages.
        shared: the object that commands receive by ``click.pass_obj``.

    Raises:
        SystemExit: help or a version was printed (0), or the usage is wrong (2).
    """
    try:
        result = group.main(list(words), prog_name=program, standalone_mode=False, obj=shared)
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from error
    if isinstance(result, CommandEnd):
        return result.exit_code
    raise SystemExit(result)
