"""The stage ``select``: it chooses the estimator."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tabento.bundle.json_text import json_text
from tabento.bundle.numbers import number_text
from training.config import Candidate, Decisions, ModelConfig
from training.model.cross_validation import Fold, make_folds
from training.model.metrics import better, metric_of
from training.progress import Progress
from training.report.selection.comparison_report import (
    budget_text,
    comparison_content,
    conclusion_text,
    describe_overfitting,
    render_comparison,
    table_rows,
)
from training.report.selection.grid_report import describe_shortfall, grid_markdown, grid_rows, grids_as_json
from training.report.selection.plots import plot_overfitting, plot_pareto
from training.studies.selection.candidates import BASELINE, OWN, list_candidates
from training.studies.selection.choice import Choice, choose
from training.studies.selection.comparison import ComparedCandidate, compare_candidate, find_baseline
from training.studies.selection.cost import explain_doubt
from training.studies.selection.grid_search import GridResult, search_grids
from training.studies.selection.grids import list_families
from training.studies.texts import format_score

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
    """Compare estimators and choose the best one within the budget.

    The scores of a candidate depend on data, config and seed only. The candidates that fit into ``selection.minutes``, and their cost
    in microseconds, depend on the computer: ``selection.json`` lists the compared candidates.

    Args:
        config: the model's config; ``selection`` has the candidates and the budget.
        train: the training part, validated.
        decisions: the decisions of the earlier stages; the estimator is the config's own.
        folder: an existing folder for ``table.md``, ``selection.json``, ``pareto.png`` and ``overfitting.png``.
        progress: reports the steps.
        n_jobs: the number of folds that are fitted in parallel; by default the number of cores.

    Returns:
        The decisions with the chosen estimator.

    Raises:
        SelectionError: a candidate's name is reserved, or no candidate can be exported within the budget.
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
    progress.table(f"Estimators by {metric} ({budget_text(config)})", table_rows(compared, choice, metric))
    progress.say(conclusion_text(choice, metric))
    if grids:
        progress.table("Grids", grid_rows(grids, find_baseline(compared), metric))
    warn_of_pitfalls(config, compared, choice, metric, progress, grids)
    text = render_comparison(config, compared, choice, metric, len(train)) + grid_markdown(
        grids, find_baseline(compared), metric
    )
    (folder / TABLE_FILE).write_text(text, encoding="utf-8")
    content = comparison_content(config, compared, choice, metric)
    if grids:
        content["grids"] = grids_as_json(grids, find_baseline(compared), metric)
    (folder / FIGURES_FILE).write_text(json_text(content), encoding="utf-8")
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
) -> list[ComparedCandidate]:
    """Compare the candidates in sequence until the minutes are over; the own estimator and the baseline are always compared.

    The arguments are those of ``select``. The candidates are in the order of the comparison. After ``deadline``, a value of
    ``time.monotonic()``, no other candidate begins.
    """
    metric = metric_of(config)
    compared: list[ComparedCandidate] = []
    for candidate in candidates:
        if candidate.name not in (OWN, BASELINE) and time.monotonic() >= deadline:
            reason = f"`selection.minutes` ({number_text(config.selection.minutes)}) were over before it began"
            compared.append(ComparedCandidate(candidate, "not begun", reason))
            continue
        with progress.step(f"Compare {candidate.name}") as step:
            is_baseline = candidate.name == BASELINE
            candidate_result = compare_candidate(
                config, train, decisions, candidate, folds, baseline=is_baseline, n_jobs=n_jobs
            )
            step.detail = (
                candidate_result.reason
                if candidate_result.scores is None
                else f"{metric} {format_score(candidate_result.scores.mean(metric))}"
            )
            if candidate_result.scores is not None and candidate_result.cost is not None:
                step.detail += f", one row {candidate_result.cost.single_row_us:,.1f} µs"
            elif candidate_result.scores is not None:
                step.detail += f", {candidate_result.status}"
        compared.append(candidate_result)
    return compared


def warn_of_pitfalls(
    config: ModelConfig,
    compared: list[ComparedCandidate],
    choice: Choice,
    metric: str,
    progress: Progress,
    grids: Sequence[GridResult] = (),
) -> None:
    """Warn of candidates that were not compared, and of a winner that overfits or is no better than the baseline."""
    if shortfall := describe_shortfall(grids):
        progress.warn(shortfall)
    left_out = [item.name for item in compared if item.status == "not begun"]
    if left_out:
        progress.warn(
            f"selection.minutes were over before these candidates began: {', '.join(left_out)}. They were not part of the choice;"
            " raise `selection.minutes` to compare them."
        )
    failed = [item for item in compared if item.status == "failed"]
    if failed:
        reasons = "\n".join(f"{item.name}: {item.reason}" for item in failed)
        progress.warn(f"These candidates could not be fitted and were not part of the choice:\n{reasons}")
    doubts = [
        f"{item.name}: {doubt}"
        for item in compared
        if item.cost is not None and (doubt := explain_doubt(item.cost, config.selection))
    ]
    if doubts:
        progress.warn("\n".join(["These candidates are treated as within the budget:", *doubts]))
    baseline = find_baseline(compared)
    if overfitting := describe_overfitting(choice, baseline, metric):
        progress.warn(overfitting)
    if baseline is not None and baseline.scores is not None and choice.winner.scores is not None:
        best = choice.winner.scores.mean(metric)
        if not better(metric, best, baseline.scores.mean(metric)):
            progress.warn(
                f"No candidate is better than the baseline, which ignores the features ({metric} {format_score(best)}"
                f" against {format_score(baseline.scores.mean(metric))}): these features have no information about the target."
            )
