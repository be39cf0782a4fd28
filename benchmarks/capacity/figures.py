"""The measured figures of one service on one core, and their JSON file, so that an answer can be computed again without a measurement."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.capacity.demand import DemandError, Slo


@dataclass(frozen=True)
class LoadPoint:
    """A service at one rate of requests."""

    share: float
    """The rate as a share of the held rate; above 1 under overload."""
    rate_per_s: float
    cpu_share: float
    """The processor time of all processes of the service in a second, as a share of the core."""
    p50_ms: float
    p99_ms: float
    """The latency of the answers, without refused requests."""
    wait_p99_ms: float
    """The p99 of the time in the queue, from the service's own histogram."""
    good_share: float
    """The answers within the limit, as a share of the requests."""
    batch_rows: float = 0.0
    """The mean number of rows in a batch; 0 if the service does not report it."""
    row_us: float = 0.0
    """The cost of a row in the model, in microseconds; 0 if the service does not report it."""

    @property
    def cpu_us(self) -> float:
        """The processor time of a request in microseconds."""
        return 1e6 * self.cpu_share / self.rate_per_s


@dataclass(frozen=True)
class ServiceFigures:
    """A service of one worker with its supervisor and its monitor process, all on one core."""

    model: str
    """The tag of the bundle."""
    rate_per_s: float
    """The highest rate of requests that kept the limit of the latency."""
    latency_s: float
    """The limit of the latency in the measurement."""
    percentile: float
    """The share of the answers within the limit."""
    rows_each: int
    """The rows of a request."""
    points: tuple[LoadPoint, ...]
    """The service at rates up to the held rate, in ascending order."""
    overload: LoadPoint
    """The service at more than the held rate."""
    ready_s: float
    """The time from the start of the process to the first 200 of ``/readyz``, on the same core."""
    memory_mib: float
    """The memory of all processes of the service after the load. A page that processes share counts once, as in a container."""
    limited_by: str
    """``server``, or ``generator`` if the load generator could not send more: then the service may hold a higher rate."""
    measured_at: str
    """The date and time of the measurement, in UTC."""
    machine: dict[str, Any]
    """The content of ``benchmarks.machine.describe_machine``."""

    def __post_init__(self) -> None:
        numbers = {name: getattr(self, name) for name in _POSITIVE}
        wrong = {name: number for name, number in numbers.items() if not number > 0}
        if wrong:
            raise DemandError(f"expected figures above 0, got {', '.join(f'{n} = {v:g}' for n, v in wrong.items())}")
        rates = [point.rate_per_s for point in self.points]
        is_busy = all(point.cpu_share > 0 for point in self.points)
        if not (rates and rates == sorted(set(rates)) and min(rates) > 0 and is_busy and self.overload.share > 1):
            raise DemandError(
                "expected points with ascending rates and processor times above 0, and an overload above the held rate, got rates"
                f" {rates} and an overload of {self.overload.share:g} times the held rate"
            )

    @property
    def alone_us(self) -> float:
        """The processor time of a request at the lowest rate, where it shares no batch with another, in microseconds."""
        return self.points[0].cpu_us

    @property
    def refusal_cost(self) -> float:
        """The processor time of a refused request as a share of an answered one's, from the answers under overload.

        Of the rate x (in units of the held rate) g is answered and x - g is refused, and together they use the core:
        g + cost (x - g) = 1.
        """
        rate, good = self.overload.share, self.overload.share * self.overload.good_share
        return min(1.0, max(0.0, (1 - good) / (rate - good))) if rate > good else 0.0

    def rate_within(self, slo: Slo) -> float | None:
        """Return the rate for a promise that is as strict as the measured one or less, or that a measured point keeps.

        For a shorter latency it is the highest measured point whose p99 is within it. None if no point is, or if the percentile is
        higher than the measured one.
        """
        if slo.percentile > self.percentile:
            return None
        if slo.latency_s >= self.latency_s:
            return self.rate_per_s
        rates = [point.rate_per_s for point in self.points if point.p99_ms <= 1e3 * slo.latency_s]
        return min(self.rate_per_s, max(rates)) if rates and slo.percentile <= 0.99 else None

    def point_at(self, share: float) -> LoadPoint:
        """Return the measured point whose share of the held rate is closest."""
        return min(self.points, key=lambda point: abs(point.share - share))

    @property
    def machine_name(self) -> str:
        """The processor and the number of its cores."""
        return f"{self.machine.get('cpu', 'an unknown processor')}, {self.machine.get('cores', '?')} cores"


_POSITIVE = ("rate_per_s", "latency_s", "percentile", "rows_each", "ready_s", "memory_mib")


def write_figures(figures: ServiceFigures, path: Path) -> None:
    """Write figures as JSON.

    Raises:
        DemandError: the file cannot be written.
    """
    try:
        path.write_text(json.dumps(asdict(figures), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise DemandError(f"{path} cannot be written: {error.strerror}. Choose another file.") from error


def read_figures(path: Path) -> ServiceFigures:
    """Return the figures of a JSON file that ``tabento capacity --save`` wrote.

    Raises:
        DemandError: the file cannot be read or does not have the figures.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        values = {field.name: content[field.name] for field in fields(ServiceFigures)}
        values["points"] = tuple(LoadPoint(**point) for point in values["points"])
        values["overload"] = LoadPoint(**values["overload"])
        return ServiceFigures(**values)
    except OSError as error:
        raise DemandError(
            f"{path} cannot be read: {error.strerror}. Write it with `tabento capacity --save`."
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise DemandError(
            f"{path} does not have the figures of a measurement ({type(error).__name__}: {error}). Write it with"
            " `tabento capacity --save`."
        ) from error
