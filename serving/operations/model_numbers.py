"""The numbers of each model: answers, errors, rows and latencies by model, version and variant, for a bounded number of models.

A model counts in its own ``ModelNumbers`` instead of in numbers of the whole service, so that a request is counted once. The
numbers of the whole service are sums over them. The first models, in the order of the settings, have numbers of their own;
all others share ``ModelCounts.other``. The order is the same in every worker, so the sums over workers are complete.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from monitoring.snapshots import Buckets, Family, Labels, Series
from runners.stats import SECONDS, Tally

OTHER: Final = "other"
"""The name of all models without numbers of their own. Their version is empty, unlike the version of a model with this name."""
FORMER_VERSIONS = 3
"""The number of versions of each model that are shown after they were replaced; the oldest one is then removed."""
OK_STATUS = 200

_LABELS = ("model", "version", "variant")
FAMILIES = (
    Family(
        "tabento_model_requests",
        "counter",
        "Predictions answered, by model and status; models beyond the limit of metrics_max_models are the model other.",
        (*_LABELS, "status"),
    ),
    Family("tabento_model_rows", "counter", "Rows predicted, by model.", _LABELS),
    Family("tabento_model_request_seconds", "histogram", "Time to answer a prediction, by model.", _LABELS, SECONDS),
    Family("tabento_models_loaded", "sum", "Versions of models that are loaded, over all worker processes."),
    Family("tabento_model_loads", "counter", "Loads of models and versions, by result.", ("result",)),
    Family("tabento_model_evictions", "counter", "Models unloaded to keep within the memory for models."),
)


class ModelNumbers:
    """The numbers of one version of one model in this process.

    Args:
        labels: the model's name, its version, and its variant.
    """

    __slots__ = ("errors", "labels", "latency_s", "rows", "users")

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.latency_s = Tally(SECONDS)
        """The latencies of answers, from the end of decoding to the answer, in seconds."""
        self.errors: dict[int, int] = {}
        """Requests that got no answer, by status."""
        self.rows = 0
        """The number of rows answered."""
        self.users = 0
        """The number of loaded versions that count here."""

    def count_error(self, status: int) -> None:
        """Count a request that got an error."""
        self.errors[status] = self.errors.get(status, 0) + 1

    def add(self, other: ModelNumbers) -> None:
        """Add other numbers to these."""
        self.latency_s.counts = [a + b for a, b in zip(self.latency_s.counts, other.latency_s.counts, strict=True)]
        self.latency_s.total += other.latency_s.total
        self.rows += other.rows
        for status, count in list(other.errors.items()):
            self.errors[status] = self.errors.get(status, 0) + count


class ModelCounts:
    """The numbers of all models of this process.

    Args:
        max_models: the largest number of models with numbers of their own.
    """

    def __init__(self, max_models: int = 50) -> None:
        self.max_models = max_models
        self.loads: dict[str, int] = {}
        """Loads of models and versions, by result."""
        self.evictions = 0
        """Models unloaded to keep within the memory for models."""
        self.n_loaded = 0
        """The number of versions that are loaded."""
        self.other = ModelNumbers((OTHER, "", ""))
        """The numbers of all models without numbers of their own."""
        self._names: dict[str, None] = {}
        self._by_labels: dict[Labels, ModelNumbers] = {}
        self._former: dict[str, list[ModelNumbers]] = {}
        self._removed = ModelNumbers(("", "", ""))

    def reserve(self, names: Iterable[str]) -> None:
        """Give models numbers of their own in this order, as long as there is room."""
        for name in names:
            if len(self._names) >= self.max_models:
                return
            self._names.setdefault(name)

    def has_own(self, name: str) -> bool:
        """Return whether a model has numbers of its own; a new model gets them if there is room."""
        self.reserve((name,))
        return name in self._names

    def open(self, name: str, version: str, variant: str) -> ModelNumbers:
        """Return the numbers for a version that is loaded; a version that was loaded before continues its numbers."""
        self.n_loaded += 1
        if not self.has_own(name):
            return self.other
        labels = (name, version, variant)
        numbers = self._by_labels.get(labels)
        if numbers is None:
            numbers = self._by_labels[labels] = ModelNumbers(labels)
        numbers.users += 1
        former = self._former.get(name, [])
        if numbers in former:
            former.remove(numbers)
        return numbers

    def close(self, numbers: ModelNumbers) -> None:
        """Note that a version is unloaded. Its numbers stay until ``FORMER_VERSIONS`` newer ones were unloaded."""
        self.n_loaded -= 1
        if numbers is self.other:
            return
        numbers.users -= 1
        if numbers.users:
            return
        former = self._former.setdefault(numbers.labels[0], [])
        former.append(numbers)
        if len(former) > FORMER_VERSIONS:
            oldest = former.pop(0)
            del self._by_labels[oldest.labels]
            self._removed.add(oldest)

    def count_load(self, result: str) -> None:
        """Count a load: ``loaded``, or the code of the reason why it failed."""
        self.loads[result] = self.loads.get(result, 0) + 1

    def latency_s(self) -> Tally:
        """Return the latencies of all answers of this process, in seconds."""
        total = ModelNumbers(("", "", ""))
        for numbers in (self._removed, *self._all()):
            total.add(numbers)
        return total.latency_s

    def values(self) -> dict[str, Series]:
        """Return the values of ``FAMILIES`` but histograms."""
        requests: Series = {}
        rows: Series = {}
        for numbers in self._all():
            labels = numbers.labels
            rows[labels] = numbers.rows
            requests[*labels, str(OK_STATUS)] = sum(numbers.latency_s.counts)
            for status, count in list(numbers.errors.items()):
                requests[*labels, str(status)] = count
        return {
            "tabento_model_requests": requests,
            "tabento_model_rows": rows,
            "tabento_models_loaded": {(): self.n_loaded},
            "tabento_model_loads": {(result,): count for result, count in list(self.loads.items())},
            "tabento_model_evictions": {(): self.evictions},
        }

    def histograms(self) -> dict[str, dict[Labels, Buckets]]:
        """Return the histograms of ``FAMILIES``."""
        series = {
            numbers.labels: Buckets(list(numbers.latency_s.counts), numbers.latency_s.total) for numbers in self._all()
        }
        return {"tabento_model_request_seconds": series}

    def _all(self) -> list[ModelNumbers]:
        """Return all numbers that are shown; those of other models only if there were any."""
        own_numbers = list(self._by_labels.values())
        is_used = self.other.errors or any(self.other.latency_s.counts)
        return [*own_numbers, self.other] if is_used else own_numbers
