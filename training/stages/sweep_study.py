"""The stage ``sweep``: it chooses the parameters of the selected estimator."""

from __future__ import annotations

import tempfile
from pathlib import Path

import optuna
import pandas as pd

from tabento.bundle.json_text import json_text
from tabento.bundle.numbers import number_text
from training.config import Decisions, ModelConfig, Range
from training.model.cross_validation import SMALL, SMALL_REPEATS, make_folds
from training.model.metrics import metric_of
from training.progress import Progress
from training.report.sweep.files import render_best_params, render_trials, summarize_sweep, sweep_content
from training.report.sweep.plots import plot_history, plot_importance, plot_parallel
from training.studies.sweep.importance import compute_importances
from training.studies.sweep.objective import make_objective
from training.studies.sweep.search import FinishedTrial, Search, find_best, select_representable
from training.studies.sweep.spaces import build_space, incoming_params, set_params
from training.studies.sweep.study import make_pruner, open_study, study_id

BEST_FILE = "best_params.yaml"
TRIALS_FILE = "trials.csv"
FIGURES_FILE = "sweep.json"
HISTORY_FILE = "history.png"
IMPORTANCE_FILE = "importance.png"
PARALLEL_FILE = "parallel.png"


def sweep(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    folder: Path,
    progress: Progress,
    *,
    storage: Path | None = None,
    n_jobs: int | None = None,
) -> Decisions:
    """Search better parameters of the selected estimator by cross-validation inside the training part.

    The first trial is the incoming estimator, so the result is never worse on the same folds. A trial that is the best so far is
    exported and measured; a trial over the budget of ``selection`` is not eligible. Two sweeps with the same number of trials give
    the same result; the number of trials within ``sweep.minutes`` depends on the computer.

    Args:
        config: the model's config; ``sweep`` has the limits and ranges, ``selection`` the metric and the budget.
        train: the training part, validated.
        decisions: the decisions of the earlier stages.
        folder: an existing folder for ``best_params.yaml``, ``trials.csv``, ``sweep.json`` and three pictures.
        progress: reports the steps.
        storage: a SQLite file for the trials, so that an interrupted sweep continues; None stores nothing.
        n_jobs: the number of folds that are fitted in parallel; by default the number of cores.

    Returns:
        The decisions with the best parameters.

    Raises:
        ConfigError: ``sweep.space`` has a parameter or a value that the estimator rejects.
        SweepError: the storage cannot be read or written.
        TabentoError: the incoming estimator cannot be fitted.
    """
    metric = metric_of(config)
    space = build_space(config, decisions.estimator)
    name = study_id(config, train, decisions, space)
    trials: list[FinishedTrial] = []
    shares: dict[str, float] = {}
    if space and config.sweep.trials:
        trials, shares = _search(config, train, decisions, space, name, progress, storage, n_jobs)
    end_reason = _end_text(config, decisions, space, trials)
    best = find_best(trials, metric)
    best_decisions = decisions
    if best is not None and best.number > 0:
        best_decisions = decisions.model_copy(update={"estimator": set_params(decisions.estimator, best.params)})
    if trials and best is None:
        progress.warn(
            f"None of {len(trials)} trials is within the budget of `selection`, including the incoming parameters"
            f" ({trials[0].reason}). The incoming parameters stay; raise the limits or use a smaller estimator."
        )
    progress.say(f"{end_reason} {summarize_sweep(trials, metric)}" if trials else end_reason)
    _write(config, best_decisions, trials, space, shares, metric, name, end_reason, folder)
    return best_decisions


def _search(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    space: dict[str, Range],
    name: str,
    progress: Progress,
    storage: Path | None,
    n_jobs: int | None,
) -> tuple[list[FinishedTrial], dict[str, float]]:
    """Run the trials; return them with the importances of the parameters."""
    metric = metric_of(config)
    # With few rows the score of a fold varies by chance, so the folds are repeated.
    folds = make_folds(config, train, config.sweep.folds, SMALL_REPEATS if len(train) < SMALL else 1)
    incoming = select_representable(space, incoming_params(decisions.estimator, config.task, space))
    pruner: optuna.pruners.BasePruner = make_pruner(config.sweep.pruner)
    with (
        tempfile.TemporaryDirectory(prefix="tabento-sweep-") as workplace,
        open_study(name, metric, incoming, pruner, storage) as study,
    ):
        with progress.step("Prepare the folds") as step:
            objective = make_objective(config, train, decisions, folds, Path(workplace), n_jobs, swept_names=space)
            step.detail = f"{len(folds)} of {len(train):,} rows"
        search = Search(config, train, decisions, space, incoming, objective, study)
        stored = search.finished_trials()
        if stored:
            progress.say(f"{len(stored)} trials of this study are stored already; the sweep continues after them.")
        return search.run(progress), compute_importances(study, config.seed)


def _end_text(config: ModelConfig, decisions: Decisions, space: dict[str, Range], trials: list[FinishedTrial]) -> str:
    """Return the reason why the sweep ended."""
    kind = decisions.estimator.kind
    if not space:
        return f"A {kind} has no parameters to sweep, so no trial was run."
    if not config.sweep.trials:
        return "`sweep.trials` is 0, so no trial was run."
    if len(trials) < config.sweep.trials:
        return f"{len(trials)} of {config.sweep.trials} trials ran before `sweep.minutes` ({number_text(config.sweep.minutes)}) were over."
    return f"All {len(trials)} trials ran."


def _write(
    config: ModelConfig,
    best_decisions: Decisions,
    trials: list[FinishedTrial],
    space: dict[str, Range],
    shares: dict[str, float],
    metric: str,
    name: str,
    end_reason: str,
    folder: Path,
) -> None:
    (folder / BEST_FILE).write_text(
        render_best_params(config, best_decisions, trials, metric, name, end_reason), encoding="utf-8"
    )
    (folder / TRIALS_FILE).write_text(render_trials(trials, space), encoding="utf-8")
    figures = {**sweep_content(config, trials, metric, name, end_reason), "importance": shares}
    (folder / FIGURES_FILE).write_text(json_text(figures), encoding="utf-8")
    plot_history(config, trials, metric, folder / HISTORY_FILE)
    plot_importance(config, shares, metric, folder / IMPORTANCE_FILE)
    plot_parallel(config, trials, space, metric, folder / PARALLEL_FILE)
