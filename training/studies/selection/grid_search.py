"""Grid search: the combinations of all grids are scored until the minutes are over, and the best of each grid are measured.

Scoring a combination takes one fit per fold. Its cost in service takes one more fit, an export and a measurement, so it is
measured only for combinations that could win: the best of each family, and the next best ones while the better ones are over
the budget.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from tabento.bundle.numbers import number_text
from training.config import Decisions, Kind, ModelConfig
from training.model.cross_validation import Fold
from training.model.metrics import better, metric_of
from training.progress import Progress
from training.studies.selection.comparison import ComparedCandidate, measure_candidate, score_candidate, sort_by_score
from training.studies.selection.grids import GridFamily, take_turns
from training.studies.texts import format_score

MEASURED_MAX = 20
"""The largest number of measured combinations of a family. The combinations of one family cost about the same, so if 20 are over
the budget the next ones are likely to be as well; the report has the number of those that were not measured."""


@dataclass(frozen=True)
class GridResult:
    """The compared combinations of one kind."""

    kind: Kind
    items: tuple[ComparedCandidate, ...]
    """All combinations: first those with scores from best to worst, then the failed ones, then those that were not begun."""

    @property
    def scored(self) -> tuple[ComparedCandidate, ...]:
        """The combinations with scores, best first."""
        return tuple(item for item in self.items if item.scores is not None)

    @property
    def measured(self) -> tuple[ComparedCandidate, ...]:
        """The combinations whose cost was measured: the eligible and the refused ones."""
        return tuple(item for item in self.scored if item.status != "not measured")

    def count(self, status: str) -> int:
        """Return the number of combinations with a status."""
        return sum(item.status == status for item in self.items)


def search_grids(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    families: Sequence[GridFamily],
    compared: Sequence[ComparedCandidate],
    folds: list[Fold],
    progress: Progress,
    deadline: float,
    n_jobs: int | None = None,
) -> list[GridResult]:
    """Score the combinations of all families in turn and measure the best of each family.

    Args:
        config: the model's config.
        train: the training part, validated.
        decisions: the decisions of the earlier stages.
        families: from ``list_families``.
        others: the candidates that are compared already. A family's second best combination is measured only if it is better than
            every eligible candidate so far.
        folds: the folds, the same for all candidates.
        progress: reports the steps.
        deadline: the value of ``time.monotonic()`` after which no combination begins. The measurements have no deadline.
        n_jobs: the number of folds that are fitted in parallel; by default the number of cores.

    Returns:
        One result for each family.
    """
    if not families:
        return []
    metric = metric_of(config)
    scored_by_name = _score_all(config, train, decisions, families, folds, progress, deadline, n_jobs)
    eligible = [item for item in compared if item.status == "eligible"]
    results = []
    for family in families:
        family_items = [scored_by_name[candidate.name] for candidate in family.candidates]
        scored = sort_by_score([item for item in family_items if item.scores is not None], metric)
        with progress.step(f"Measure the best of the {family.kind} grid") as step:
            measured = _measure_best(config, train, decisions, scored, eligible, metric)
            best = next((item for item in measured if item.status == "eligible"), None)
            if best is not None:
                step.detail = f"{best.name}, {metric} {_score_text(best, metric)}"
        eligible += [item for item in measured if item.status == "eligible"]
        failed = [item for item in family_items if item.status == "failed"]
        not_begun = [item for item in family_items if item.status == "not begun"]
        results.append(GridResult(family.kind, (*measured, *scored[len(measured) :], *failed, *not_begun)))
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
) -> dict[str, ComparedCandidate]:
    """Return each combination by its name: scored, failed, or not begun."""
    queue = take_turns(families)
    reason = f"`selection.minutes` ({number_text(config.selection.minutes)}) were over before it began"
    scored_by_name: dict[str, ComparedCandidate] = {}
    with progress.step(f"Search {len(queue):,} combinations of {', '.join(item.kind for item in families)}") as step:
        for candidate in queue:
            if time.monotonic() >= deadline:
                scored_by_name[candidate.name] = ComparedCandidate(candidate, "not begun", reason)
            else:
                scored_by_name[candidate.name] = score_candidate(
                    config, train, decisions, candidate, folds, n_jobs=n_jobs
                )
        n_begun = sum(item.status != "not begun" for item in scored_by_name.values())
        step.detail = f"{n_begun:,} compared"
    return scored_by_name


def _measure_best(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    scored: Sequence[ComparedCandidate],
    eligible: Sequence[ComparedCandidate],
    metric: str,
) -> list[ComparedCandidate]:
    """Measure combinations, the best first, until one is eligible or the next one could not win."""
    measured: list[ComparedCandidate] = []
    for item in scored[:MEASURED_MAX]:
        if measured and not all(_is_better(item, rival, metric) for rival in eligible):
            break
        measured.append(measure_candidate(config, train, decisions, item))
        if measured[-1].status == "eligible":
            break
    return measured


def _is_better(item: ComparedCandidate, rival: ComparedCandidate, metric: str) -> bool:
    assert item.scores is not None
    assert rival.scores is not None
    return better(metric, item.scores.mean(metric), rival.scores.mean(metric))


def _score_text(item: ComparedCandidate, metric: str) -> str:
    assert item.scores is not None
    return format_score(item.scores.mean(metric))
