"""The command of the project: ``python -m training COMMAND``, or ``tabento COMMAND`` if it is installed.

``training.commands.entries`` lists the commands; each is in a module of its own, which is imported when the command is
called. Exit codes: 0; 1 for an error that is told in one message; 2 for wrong usage; 130 if the user interrupts.
``retrain`` and ``models`` have more, see there.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tabento.command_line.groups import CommandGroup, run_group
from tabento.command_line.version import version_option
from training.commands.entries import ENTRIES, EXAMPLES
from training.commands.options import Invocation

INTERRUPTED = 130
SCRIPT = "tabento"
"""The name under which the command is installed."""
OWN_PACKAGES = ("tabento", "training")


def command_group() -> CommandGroup:
    """Return the group of all commands."""
    return CommandGroup(
        SCRIPT,
        entries=ENTRIES,
        params=[version_option()],
        help="Turn a config and data, or a fitted pipeline, into a checked model in the BentoML model store.",
        epilog=EXAMPLES,
    )


def program_name() -> str:
    """Return the program as the user called it."""
    return SCRIPT if Path(sys.argv[0]).stem == SCRIPT else "python -m training"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    invocation = Invocation()
    try:
        return run_group(command_group(), words, program_name(), invocation)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in sys.builtin_module_names or package in OWN_PACKAGES:
            raise
        from training.installing import install_command

        command = next((word for word in words if not word.startswith("-")), "the command")
        _fail(
            f"the module {error.name!r} is not installed, so {command} cannot run here. Training and importing need more"
            f" packages than serving does. Install them: {install_command()}"
        )
        return 1
    except (KeyboardInterrupt, click.Abort):
        _fail("stopped; a model that was not finished is not saved")
        return INTERRUPTED
    except Exception as error:
        if invocation.verbose or not _has_message(error):
            raise
        _fail(str(error))
        return 1


def _has_message(error: Exception) -> bool:
    """Return whether the text of an error is written for users."""
    from tabento.bundle.errors import BundleError
    from tabento.errors import TabentoError
    from tabento.keys.errors import KeysError

    return isinstance(error, BundleError | TabentoError | KeysError)


def _fail(message: str) -> None:
    click.echo(f"error: {message}", err=True)


if __name__ == "__main__":
    sys.exit(main())
