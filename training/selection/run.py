"""The stage ``select``: which estimator stands behind the preprocessing."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bundle.numbers import number_text
from training.config import Candidate, Decisions, ModelConfig
from training.cross_validation import Fold, make_folds
from training.metrics import better, metric_of
from training.progress import Progress
from training.selection.candidates import BASELINE, OWN, list_candidates
from training.selection.choice import Choice, choose
from training.selection.compare import Compared, compare
from training.selection.cost import explain_doubt
from training.selection.grid_report import describe_shortfall, grid_markdown, grid_rows, grids_as_json
from training.selection.grid_search import GridResult, search_grids
from training.selection.grids import list_families
from training.selection.plots import plot_overfitting, plot_pareto
from training.selection.report import (
    as_json,
    baseline_of,
    conclusion,
    describe_overfitting,
    figure,
    limits,
    markdown,
    rows,
)

TABLE_FILE = "table.md"
FIGURES_FILE = "selection.json"
PARETO_FILE = "pareto.png"
OVERFITTING_FILE = "overfitting.png"


def select(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    folder: Path,
    progress: Progress,
    *,
    n_jobs: int | None = None,
) -> Decisions:
    """Compare estimators and choose the best that keeps the budget.

    The figures of a candidate depend on data, config and seed only. Which candidates fit into ``selection.minutes``, and
    what they cost in microseconds, depends on the machine: ``selection.json`` says which were compared.

    Args:
        config: the model's config; ``selection`` says what is compared and what one may cost.
        train: the training part, validated.
        decisions: what the stages before have decided; its estimator is the config's own.
        folder: exists; gets ``table.md``, ``selection.json``, ``pareto.png`` and ``overfitting.png``.
        progress: who is told.
        n_jobs: how many folds are fitted side by side; by default as many as there are cores.

    Returns:
        The decisions with the chosen estimator.

    Raises:
        SelectionError: a candidate's name is taken, or none can be exported within the budget.
        FoldError: the training rows cannot be divided into folds.
    """
    metric = metric_of(config)
    candidates = list_candidates(config, decisions.estimator)
    families = list_families(config, decisions.estimator)
    folds = make_folds(config, train, config.selection.folds, config.selection.repeats)
    deadline = time.monotonic() + 60 * config.selection.minutes
    compared = compare_all(config, train, decisions, candidates, folds, progress, deadline, n_jobs)
    grids = search_grids(config, train, decisions, families, compared, folds, progress, deadline, n_jobs)
    compared += [item for grid in grids for item in grid.measured]
    choice = choose(compared, metric)
    progress.table(f"Estimators by {metric} ({limits(config)})", rows(compared, choice, metric))
    progress.say(conclusion(choice, metric))
    if grids:
        progress.table("Grids", grid_rows(grids, baseline_of(compared), metric))
    warn_of(config, compared, choice, metric, progress, grids)
    text = markdown(config, compared, choice, metric, len(train)) + grid_markdown(grids, baseline_of(compared), metric)
    (folder / TABLE_FILE).write_text(text, encoding="utf-8")
    content = as_json(config, compared, choice, metric)
    if grids:
        content["grids"] = grids_as_json(grids, baseline_of(compared), metric)
    figures = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / FIGURES_FILE).write_text(figures + "\n", encoding="utf-8")
    plot_pareto(config, compared, choice, metric, folder / PARETO_FILE)
    plot_overfitting(config, compared, choice, metric, folder / OVERFITTING_FILE)
    return decisions.model_copy(update={"estimator": choice.winner.candidate.estimator})


def compare_all(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    candidates: tuple[Candidate, ...],
    folds: list[Fold],
    progress: Progress,
    deadline: float,
    n_jobs: int | None = None,
) -> list[Compared]:
    """Compare the candidates one after the other until the minutes are over; the own one and the baseline always are.

    Arguments are those of ``select``; the candidates come in the order in which they begin, and after ``deadline``, a
    value of ``time.monotonic()``, no other begins.
    """
    metric = metric_of(config)
    compared: list[Compared] = []
    for candidate in candidates:
        if candidate.name not in (OWN, BASELINE) and time.monotonic() >= deadline:
            reason = f"`selection.minutes` ({number_text(config.selection.minutes)}) were over before it began"
            compared.append(Compared(candidate, "not begun", reason))
            continue
        with progress.step(f"Compare {candidate.name}") as step:
            is_baseline = candidate.name == BASELINE
            found = compare(config, train, decisions, candidate, folds, baseline=is_baseline, n_jobs=n_jobs)
            step.detail = found.reason if found.scores is None else f"{metric} {figure(found.scores.mean(metric))}"
            if found.scores is not None and found.cost is not None:
                step.detail += f", one row {found.cost.single_row_us:,.1f} µs"
            elif found.scores is not None:
                step.detail += f", {found.status}"
        compared.append(found)
    return compared


def warn_of(
    config: ModelConfig,
    compared: list[Compared],
    choice: Choice,
    metric: str,
    progress: Progress,
    grids: Sequence[GridResult] = (),
) -> None:
    """Warn of what a reader of the table might overlook: candidates left out, a winner that overfits or gains nothing."""
    if shortfall := describe_shortfall(grids):
        progress.warn(shortfall)
    left_out = [item.name for item in compared if item.status == "not begun"]
    if left_out:
        progress.warn(
            f"selection.minutes were over before these began: {', '.join(left_out)}. They took no part in the choice;"
            " raise `selection.minutes` to compare them."
        )
    failed = [item for item in compared if item.status == "failed"]
    if failed:
        reasons = "\n".join(f"{item.name}: {item.reason}" for item in failed)
        progress.warn(f"These could not be fitted and took no part in the choice:\n{reasons}")
    doubts = [
        f"{item.name}: {doubt}"
        for item in compared
        if item.cost is not None and (doubt := explain_doubt(item.cost, config.selection))
    ]
    if doubts:
        progress.warn("\n".join(["These count as within the budget:", *doubts]))
    baseline = baseline_of(compared)
    if overfitting := describe_overfitting(choice, baseline, metric):
        progress.warn(overfitting)
    if baseline is not None and baseline.scores is not None and choice.winner.scores is not None:
        best = choice.winner.scores.mean(metric)
        if not better(metric, best, baseline.scores.mean(metric)):
            progress.warn(
                f"No candidate is better than the baseline, which does not look at the features ({metric} {figure(best)}"
                f" against {figure(baseline.scores.mean(metric))}): these features say nothing about the target."
            )
