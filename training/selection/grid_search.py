"""Grid search: the combinations of all grids are scored until the minutes are over, and the best of each are measured.

Scoring a combination takes as many fits as there are folds. Its cost in service takes one more fit, an export and a
measurement, so that is found out only for combinations that may be chosen: the best of each family, and the next best
ones as long as those before are over the budget.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bundle.numbers import number_text
from training.config import Decisions, Kind, ModelConfig
from training.cross_validation import Fold
from training.metrics import HIGHER_IS_BETTER, better, metric_of
from training.progress import Progress
from training.selection.compare import Compared, judge_cost, score
from training.selection.grids import GridFamily, in_turns
from training.selection.report import figure

MEASURED_MAX = 20
"""So many combinations of a family are measured at most. Those of one family cost about the same, so if 20 are over the
budget the next ones are likely to be as well; the report says how many were not measured."""


@dataclass(frozen=True)
class GridResult:
    """What was found out about the combinations of one kind."""

    kind: Kind
    items: tuple[Compared, ...]
    """All combinations: those with scores from best to worst, then the failed ones, then those that were not begun."""

    @property
    def scored(self) -> tuple[Compared, ...]:
        """The combinations with scores, best first."""
        return tuple(item for item in self.items if item.scores is not None)

    @property
    def measured(self) -> tuple[Compared, ...]:
        """The combinations that take part in the choice, or that were refused when their cost was measured."""
        return tuple(item for item in self.scored if item.status != "not measured")

    def count(self, status: str) -> int:
        """Return how many combinations have a status."""
        return sum(item.status == status for item in self.items)


def search_grids(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    families: Sequence[GridFamily],
    others: Sequence[Compared],
    folds: list[Fold],
    progress: Progress,
    deadline: float,
    n_jobs: int | None = None,
) -> list[GridResult]:
    """Score the combinations in turns and measure the best of each family.

    Args:
        config: the model's config.
        train: the training part, validated.
        decisions: what the stages before have decided.
        families: from ``list_families``.
        others: the candidates that were compared before. A family's second best combination is measured only if it is
            better than every eligible one so far.
        folds: the same for all candidates.
        progress: who is told.
        deadline: the value of ``time.monotonic()`` after which no other combination begins. Measuring is not cut off.
        n_jobs: how many folds are fitted side by side; by default as many as there are cores.

    Returns:
        One result for each family.
    """
    if not families:
        return []
    metric = metric_of(config)
    found = _score_all(config, train, decisions, families, folds, progress, deadline, n_jobs)
    eligible = [item for item in others if item.status == "eligible"]
    results = []
    for family in families:
        mine = [found[candidate.name] for candidate in family.candidates]
        scored = _best_first([item for item in mine if item.scores is not None], metric)
        with progress.step(f"Measure the best of the {family.kind} grid") as step:
            measured = _measure(config, train, decisions, scored, eligible, metric)
            best = next((item for item in measured if item.status == "eligible"), None)
            if best is not None:
                step.detail = f"{best.name}, {metric} {_mean_text(best, metric)}"
        eligible += [item for item in measured if item.status == "eligible"]
        failed = [item for item in mine if item.status == "failed"]
        late = [item for item in mine if item.status == "not begun"]
        results.append(GridResult(family.kind, (*measured, *scored[len(measured) :], *failed, *late)))
    return results


def _score_all(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    families: Sequence[GridFamily],
    folds: list[Fold],
    progress: Progress,
    deadline: float,
    n_jobs: int | None,
) -> dict[str, Compared]:
    """Return each combination by its name, scored or not begun."""
    queue = in_turns(families)
    late = f"`selection.minutes` ({number_text(config.selection.minutes)}) were over before it began"
    found: dict[str, Compared] = {}
    with progress.step(f"Search {len(queue):,} combinations of {', '.join(item.kind for item in families)}") as step:
        for candidate in queue:
            if time.monotonic() >= deadline:
                found[candidate.name] = Compared(candidate, "not begun", late)
            else:
                found[candidate.name] = score(config, train, decisions, candidate, folds, n_jobs=n_jobs)
        begun = sum(item.status != "not begun" for item in found.values())
        step.detail = f"{begun:,} compared"
    return found


def _measure(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    scored: Sequence[Compared],
    eligible: Sequence[Compared],
    metric: str,
) -> list[Compared]:
    """Measure combinations from the best on, until one is eligible or the next one could not win."""
    measured: list[Compared] = []
    for item in scored[:MEASURED_MAX]:
        if measured and not all(_is_better(item, other, metric) for other in eligible):
            break
        measured.append(judge_cost(config, train, decisions, item))
        if measured[-1].status == "eligible":
            break
    return measured


def _best_first(items: Sequence[Compared], metric: str) -> list[Compared]:
    sign = -1 if metric in HIGHER_IS_BETTER else 1
    return sorted(items, key=lambda item: sign * item.scores.mean(metric) if item.scores else 0.0)


def _is_better(item: Compared, other: Compared, metric: str) -> bool:
    assert item.scores is not None
    assert other.scores is not None
    return better(metric, item.scores.mean(metric), other.scores.mean(metric))


def _mean_text(item: Compared, metric: str) -> str:
    assert item.scores is not None
    return figure(item.scores.mean(metric))
