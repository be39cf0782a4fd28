"""The command ``tabento``: ``export``, ``keys`` and ``sign``, and in a checkout of the project all its commands.

The commands of the project are in its package ``training``, which the wheel does not hold. Exit codes: 0; 1 for an error
that is told in one message; 2 for wrong usage; 130 if the user interrupts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click

from tabento.command_line import export, keys, sign
from tabento.command_line.commands import CommandState
from tabento.command_line.groups import CommandGroup, run_group
from tabento.command_line.project import PROJECT_COMMANDS, add_project_to_path
from tabento.command_line.version import version_option

SCRIPT = "tabento"
INTERRUPTED = 130
EXTRAS = {"bentoml": ("store", "the model store")}
"""The extra with a module, and its user; all other modules are for the export."""


class LibraryGroup(CommandGroup):
    """The commands of the library alone; the names of the project's commands end in an error that explains them."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command of the library, or one that reports that the project is needed."""
        if cmd_name not in PROJECT_COMMANDS:
            return super().get_command(ctx, cmd_name)

        def refuse(**_: object) -> None:
            from tabento.errors import TabentoError

            raise TabentoError(
                f"`{SCRIPT} {cmd_name}` needs the project: run it in a checkout of Tabento, in the folder that has"
                f" bentofile.yaml, or below it. Only the library is installed here; it has `{SCRIPT} export`, `{SCRIPT} keys` and `{SCRIPT} sign`."
            )

        return click.Command(
            cmd_name,
            callback=refuse,
            add_help_option=False,
            context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
        )


def library_group() -> CommandGroup:
    """Return the commands that need no project."""
    return LibraryGroup(
        SCRIPT,
        entries=[export.ENTRY, keys.ENTRY, sign.ENTRY],
        params=[version_option()],
        help="Export a fitted scikit-learn pipeline to an exact ONNX model, manage the API keys of a service, sign bundles.",
        epilog=f"In a checkout of Tabento there are more commands: {', '.join(PROJECT_COMMANDS)}.",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if add_project_to_path():
        return int(import_module("training.__main__").main(words))
    state = CommandState()
    try:
        return run_group(library_group(), words, program_name(), state)
    except Exception as error:
        message = _message(error)
        if message is None or state.verbose:
            raise
        click.echo(f"error: {message}", err=True)
        return 1
    except (KeyboardInterrupt, click.Abort):
        click.echo("stopped; nothing was written", err=True)
        return INTERRUPTED


def program_name() -> str:
    """Return the program as the user called it."""
    return SCRIPT if Path(sys.argv[0]).stem == SCRIPT else "python -m tabento"


def _message(error: Exception) -> str | None:
    """Return the message of an error that has one for users, else None."""
    from tabento.bundle.errors import BundleError
    from tabento.errors import TabentoError
    from tabento.keys.errors import KeysError

    if isinstance(error, TabentoError | BundleError | KeysError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] != SCRIPT:
        with_pip = f"{sys.executable} -m pip" if find_spec("pip") is not None else "pip"
        package = error.name.partition(".")[0] if error.name else ""
        extra, user = EXTRAS.get(package, ("export", "the export"))
        return (
            f"the module {error.name!r} is not installed. Install what {user} needs:"
            f" {with_pip} install 'tabento[{extra}]'"
        )
    return None


if __name__ == "__main__":
    sys.exit(main())
