"""A simulated request, which passes its answer to a function."""

from __future__ import annotations

from collections.abc import Callable

from runners.work import Values


def _stays() -> bool:
    return False


class CallbackRequester:
    """A ``runners.work.Requester`` that calls functions.

    Args:
        on_finish: receives the predictions, or the reason why there are none.
        is_gone: returns whether the client has left; by default it stays.
    """

    def __init__(
        self,
        on_finish: Callable[[Values | None, Exception | None], object],
        is_gone: Callable[[], bool] = _stays,
    ) -> None:
        self._on_finish = on_finish
        self._is_gone = is_gone

    def finish(self, values: Values | None, error: Exception | None) -> None:
        """Call the function with the predictions, or with the reason why there are none."""
        self._on_finish(values, error)

    def is_abandoned(self) -> bool:
        """Return whether the client has left."""
        return self._is_gone()
