"""Costs of the modelled server: measured and read from JSON, or the defaults here.

The defaults were measured on a 2-core x86-64 machine with uvloop, httptools and the complete service.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.process import BenchmarkError


class ServerCosts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds of the core; none of these depends on the model."""

    pass_s: float = 5e-6
    """A pass of the loop: asking the kernel, timers."""
    read_s: float = 7e-6
    """Receiving a request and reading its head."""
    send_s: float = 10e-6
    """Encoding and sending an answer, and counting it."""
    refuse_s: float = 10e-6
    """Receiving a request and sending a refusal."""
    switch_s: float = 170e-6
    """From the end of a batch in the thread until the loop sees it; not the core's time."""
    encode_row_s: float = 0.4e-6
    """Encoding one more row of an answer."""
    wire_s: float = 50e-6
    """From the client to the server and back; not the core's time."""


class ModelCosts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The costs of one model in seconds, and its p99 limit."""

    row_s: float
    """A row more in a batch."""
    batch_s: float
    """A batch, besides its rows."""
    decode_s: float
    """Decoding a request of one row."""
    slo_s: float
    """The p99 limit in seconds."""
    noise: float = 0.1
    """The standard deviation of the logarithm of a batch's time."""


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it."""

    server: ServerCosts
    models: dict[str, ModelCosts]


DEFAULT_COSTS = Costs(
    ServerCosts(),
    {
        "california": ModelCosts(row_s=4e-6, batch_s=6e-6, decode_s=2.3e-6, slo_s=0.010),
        "forest": ModelCosts(row_s=64e-6, batch_s=40e-6, decode_s=2.3e-6, slo_s=0.020),
        "wide": ModelCosts(row_s=6e-6, batch_s=10e-6, decode_s=12e-6, slo_s=0.010),
    },
)
"""Gradient boosting on nine columns, a random forest of 200 trees, and gradient boosting on a hundred columns."""


def load_costs(path: Path) -> Costs:
    """Read costs from a JSON file of the form ``{"server": {"read_s": …}, "models": {"name": {"row_s": …}}}``.

    Raises:
        BenchmarkError: the file does not exist, or it has another form.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Costs)
    except (OSError, msgspec.DecodeError) as error:
        raise BenchmarkError(
            f'expected costs as {{"server": {{…}}, "models": {{"name": {{…}}}}}} in seconds, got {path.name}: {error}.'
            " benchmarks/simulation/costs.py explains each key."
        ) from error


class SimulatedModel:
    """Takes a batch's time from the virtual core, and answers zeros; see ``runners.batch.Model``.

    Args:
        costs: the costs of a batch.
        spend: takes time from the core.
        seed: draws the noise.
    """

    row_bytes = 8

    def __init__(self, costs: ModelCosts, spend: Callable[[float], None], seed: int) -> None:
        self._costs = costs
        self._spend = spend
        self._random = random.Random(seed)  # noqa: S311 - a seeded simulation, not a secret

    def run_bytes(self, data: bytes, count: int) -> list[float]:
        """See ``runners.batch.Model``."""
        sigma = self._costs.noise
        # The mean of this lognormal noise is 1.
        noise = self._random.lognormvariate(-sigma * sigma / 2, sigma)
        self._spend((self._costs.batch_s + count * self._costs.row_s) * noise)
        return [0.0] * count
