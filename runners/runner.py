"""What the HTTP layer knows of a runner, and the simplest one."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from runners.session import OnnxSession

WARM_UP_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
"""One warm-up a batch bucket: ONNX Runtime allocates and picks its code path by batch size."""


class Runner(Protocol):
    """Takes rows, answers predictions."""

    async def predict(self, data: bytes, count: int) -> list[float]:
        """Return one prediction a row.

        Args:
            data: float64 in native byte order, ``count`` times F values.
            count: the number of rows, at least 1.

        Raises:
            RunnerError: inference failed.
        """
        ...

    def warm_up(self, examples: bytes, count: int) -> None:
        """Run every batch bucket once on valid rows, before the service says that it is ready."""
        ...


class DirectRunner:
    """Runs each request's rows at once, on the event loop: no queue, no batches."""

    def __init__(self, session: OnnxSession) -> None:
        self._session = session
        self._features = session.features

    async def predict(self, data: bytes, count: int) -> list[float]:
        """See ``Runner``."""
        return self._session.run(np.frombuffer(data, np.float64).reshape(count, self._features))

    def warm_up(self, examples: bytes, count: int) -> None:
        """See ``Runner``."""
        rows = np.frombuffer(examples, np.float64).reshape(count, self._features)
        for bucket in WARM_UP_ROWS:
            self._session.run(np.resize(rows, (bucket, self._features)))
