"""Packages: whether the libraries of the estimators that a run will fit are installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

from training.installing import EXTRAS, install_command

if TYPE_CHECKING:
    from training.config import Estimator, ModelConfig


def kinds_of(estimator: Estimator) -> Iterator[str]:
    """Yield the kinds of an estimator and of its members."""
    yield estimator.kind
    yield from (member.kind for member in estimator.members or ())
    if estimator.final is not None:
        yield estimator.final.kind


def package_problems(config: ModelConfig, steps: Iterable[str]) -> list[str]:
    """Return the missing packages, one line each with the command that installs it here.

    Args:
        config: the model.
        steps: the stages that will run; the candidates of ``select`` are checked only if it is among them.
    """
    required_kinds = dict.fromkeys(kinds_of(config.estimator))
    if "select" in steps:
        required_kinds |= dict.fromkeys(config.selection.kinds or ())
        required_kinds |= dict.fromkeys(
            kind for item in config.selection.candidates for kind in kinds_of(item.estimator)
        )
    return [
        f"The estimator {kind} needs the package {kind}, which is not installed. Run `{install_command(kind)}`, or choose"
        " another `estimator.kind`."
        for kind in required_kinds
        if kind in EXTRAS and find_spec(kind) is None
    ]
