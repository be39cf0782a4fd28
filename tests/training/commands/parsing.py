"""Parse a command line without running it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from training.__main__ import command_group
from training.commands.options import Invocation


def parse_command(words: Sequence[str]) -> click.Context:
    """Return the context of the command that the words name: ``info_name`` is its name, ``params`` has its values.

    Raises:
        click.ClickException: the usage is wrong.
    """
    context = command_group().make_context("tabento", list(words), obj=Invocation())
    while isinstance(context.command, click.Group):
        name, command, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        context = command.make_context(name, rest, parent=context)
    return context


def option_names(command: str) -> set[str]:
    """Return all spellings of the options of a command."""
    group = command_group()
    command_found = group.get_command(click.Context(group), command)
    assert command_found is not None
    return {
        name
        for parameter in command_found.params
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name[0] == "-"
    }
