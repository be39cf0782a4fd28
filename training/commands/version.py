"""``tabento --version``: the versions of Tabento and of what decides its answers, out of the packages' own records."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGE = "tabento"
DECIDING_PACKAGES = ("bentoml", "scikit-learn", "onnxruntime", "numpy")
"""Packages whose version a report of a fault needs."""


def version_line() -> str:
    """Return the versions in one line; nothing is imported for it."""
    others = ", ".join(f"{name} {_version(name)}" for name in DECIDING_PACKAGES)
    return f"{PACKAGE} {_version(PACKAGE)} (Python {platform.python_version()}, {others})"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


class ShowVersion(argparse.Action):
    """Print the versions and end, as ``action="version"`` does, but look them up only when they are asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, **given: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help="show the versions and end")

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Print and exit."""
        sys.stdout.write(f"{version_line()}\n")
        parser.exit()
