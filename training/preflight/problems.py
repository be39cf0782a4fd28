"""Problems: what stands in the way of a run, one line each, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable

from training.errors import TrainingError


class PreflightError(TrainingError):
    """A run cannot succeed on this machine as it is; nothing was read, fitted or written."""


def require_none(problems: Iterable[str | None]) -> None:
    """Refuse to begin while something stands in the way.

    Args:
        problems: what the checks found, a line each; None stands for a check that found nothing.

    Raises:
        PreflightError: there is a problem; the message has every one of them, each once.
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
