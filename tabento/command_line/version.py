"""``tabento --version``: the versions of Tabento and of the packages that decide its answers."""

from __future__ import annotations

import platform

import click

PACKAGE = "tabento"
DECIDING_PACKAGES = ("bentoml", "scikit-learn", "onnxruntime", "numpy")
"""The packages whose versions a bug report needs."""


def version_line() -> str:
    """Return the versions in one line, from the installed packages' records; no package is imported."""
    packages = ", ".join(f"{name} {_version(name)}" for name in DECIDING_PACKAGES)
    return f"{PACKAGE} {_version(PACKAGE)} (Python {platform.python_version()}, {packages})"


def _version(name: str) -> str:
    # Imported here: no other command needs it, and it takes as long as the command line's library.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def version_option() -> click.Option:
    """Return the option ``--version``, which looks the versions up only if it is given."""

    def show(context: click.Context, _: click.Parameter, is_given: bool) -> None:
        if is_given and not context.resilient_parsing:
            click.echo(version_line())
            context.exit()

    return click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=show,
        help="Show the versions and exit.",
    )
