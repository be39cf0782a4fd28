"""Problems that prevent a run, one line each with its remedy."""

from __future__ import annotations

from collections.abc import Iterable

from tabento.errors import TabentoError


class PreflightError(TabentoError):
    """A run cannot succeed on this computer in its present state; nothing was read, fitted or written."""


def require_none(problems: Iterable[str | None]) -> None:
    """Refuse to begin if there are problems.

    Args:
        problems: the results of the checks, one line each; None is a check without a problem.

    Raises:
        PreflightError: there is a problem; the message lists each problem once.
    """
    lines = [line for line in dict.fromkeys(problems) if line]
    if not lines:
        return
    if len(lines) == 1:
        raise PreflightError(lines[0])
    raise PreflightError(
        "\n".join(
            (f"{len(lines)} things have to be put right before this can begin:", *(f"  - {line}" for line in lines))
        )
    )
