"""Objectives whose figures a test chooses, and finished trials."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from training.config import Estimator, Param
from training.studies.selection.cost import Cost
from training.studies.sweep.rungs import RUNGS
from training.studies.sweep.search import FinishedTrial


class Formula:
    """An objective that computes the metric from the parameters instead of fitting; it counts how far it was asked."""

    def __init__(self, formula: Callable[[Mapping[str, Param]], float], metric: str = "rmse") -> None:
        """Take the formula; at the first rungs the figure is the double of it."""
        self._formula, self._metric = formula, metric
        self.calls: list[tuple[int, dict[str, Param]]] = []

    def figures(self, estimator: Estimator) -> Iterator[tuple[int, list[dict[str, float]]]]:
        """Give two folds at each rung."""
        for rung in RUNGS:
            self.calls.append((rung, dict(estimator.params)))
            value = self._formula(estimator.params) * (1 if rung == RUNGS[-1] else 2)
            yield rung, [{self._metric: value - 0.5}, {self._metric: value + 0.5}]


def make_trial(
    number: int, value: float | None, *, reason: str = "", cost: bool = False, params: dict[str, Param] | None = None
) -> FinishedTrial:
    """Return a finished trial."""
    return FinishedTrial(
        number=number,
        params=params if params is not None else {"x": 0.1 * number},
        value=value,
        standard_error=None if value is None else 0.25,
        quarters=1 if value is None else 4,
        reason=reason,
        cost=Cost(single_row_us=9.0, batch_us=30.0, model_mib=0.1, fit_s=0.2) if cost else None,
        seconds=0.5,
    )
