"""The stage ``sweep``: the parameters of the chosen estimator."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import optuna
import pandas as pd

from bundle.numbers import number_text
from training.config import Decisions, ModelConfig, Range
from training.cross_validation import SMALL, SMALL_REPEATS, make_folds
from training.metrics import metric_of
from training.progress import Progress
from training.sweep.files import as_json, best_params, trials_csv
from training.sweep.objective import make_objective
from training.sweep.plots import importances, plot_history, plot_importance, plot_parallel, summary
from training.sweep.search import Search, Tried, best_of, representable
from training.sweep.spaces import incoming_params, space_of, with_params
from training.sweep.study import make_pruner, open_study, study_id

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
    """Search better parameters for the decided estimator, by cross-validation inside the training part.

    The first trial is the estimator as it comes in, so what is handed on is never worse than that on the same folds. A
    trial that is the best so far is exported and measured, and one over the budget of ``selection`` is not taken. Two
    sweeps with as many trials find the same; how many fit into ``sweep.minutes`` depends on the machine.

    Args:
        config: the model's config; ``sweep`` says how long and in which ranges, ``selection`` what decides and the budget.
        train: the training part, validated.
        decisions: what the stages before have decided.
        folder: exists; gets ``best_params.yaml``, ``trials.csv``, ``sweep.json`` and three pictures.
        progress: who is told.
        storage: a SQLite file in which the trials are kept, so that an interrupted sweep goes on; None keeps nothing.
        n_jobs: how many folds are fitted side by side; by default as many as there are cores.

    Returns:
        The decisions with the best parameters.

    Raises:
        ConfigError: ``sweep.space`` has a parameter or a value that the estimator refuses.
        SweepError: the storage cannot be read or written.
        TrainingError: the incoming estimator cannot be fitted.
    """
    metric = metric_of(config)
    space = space_of(config, decisions.estimator)
    name = study_id(config, train, decisions, space)
    tried: list[Tried] = []
    shares: dict[str, float] = {}
    if space and config.sweep.trials:
        tried, shares = _search(config, train, decisions, space, name, progress, storage, n_jobs)
    ended = _ending(config, decisions, space, tried)
    best = best_of(tried, metric)
    found = decisions
    if best is not None and best.number > 0:
        found = decisions.model_copy(update={"estimator": with_params(decisions.estimator, best.params)})
    if tried and best is None:
        progress.warn(
            f"None of {len(tried)} trials keeps the budget of `selection`, the incoming parameters included"
            f" ({tried[0].reason}). These stay as they are; raise the limits or take a smaller estimator."
        )
    progress.say(f"{ended} {summary(tried, metric)}" if tried else ended)
    _write(config, found, tried, space, shares, metric, name, ended, folder)
    return found


def _search(
    config: ModelConfig,
    train: pd.DataFrame,
    decisions: Decisions,
    space: dict[str, Range],
    name: str,
    progress: Progress,
    storage: Path | None,
    n_jobs: int | None,
) -> tuple[list[Tried], dict[str, float]]:
    """Run the trials; return them with the parameters' importances."""
    metric = metric_of(config)
    # Few rows make a fold's figure a matter of chance, so the folds are repeated.
    folds = make_folds(config, train, config.sweep.folds, SMALL_REPEATS if len(train) < SMALL else 1)
    incoming = representable(space, incoming_params(decisions.estimator, config.task, space))
    pruner: optuna.pruners.BasePruner = make_pruner(config.sweep.pruner)
    with (
        tempfile.TemporaryDirectory(prefix="tabento-sweep-") as workplace,
        open_study(name, metric, incoming, pruner, storage) as study,
    ):
        with progress.step("Prepare the folds") as step:
            objective = make_objective(config, train, decisions, folds, Path(workplace), n_jobs, swept=space)
            step.detail = f"{len(folds)} of {len(train):,} rows"
        search = Search(config, train, decisions, space, incoming, objective, study)
        stored = search.tried()
        if stored:
            progress.say(f"{len(stored)} trials of this study are stored already; the sweep goes on behind them.")
        return search.run(progress), importances(study, config.seed)


def _ending(config: ModelConfig, decisions: Decisions, space: dict[str, Range], tried: list[Tried]) -> str:
    """Say why the sweep ended."""
    kind = decisions.estimator.kind
    if not space:
        return f"A {kind} has no parameters that are swept, so nothing was tried."
    if not config.sweep.trials:
        return "`sweep.trials` is 0, so nothing was tried."
    if len(tried) < config.sweep.trials:
        return f"{len(tried)} of {config.sweep.trials} trials ran before `sweep.minutes` ({number_text(config.sweep.minutes)}) were over."
    return f"All {len(tried)} trials ran."


def _write(
    config: ModelConfig,
    found: Decisions,
    tried: list[Tried],
    space: dict[str, Range],
    shares: dict[str, float],
    metric: str,
    name: str,
    ended: str,
    folder: Path,
) -> None:
    (folder / BEST_FILE).write_text(best_params(config, found, tried, metric, name, ended), encoding="utf-8")
    (folder / TRIALS_FILE).write_text(trials_csv(tried, space), encoding="utf-8")
    figures = {**as_json(config, tried, metric, name, ended), "importance": shares}
    text = json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / FIGURES_FILE).write_text(text + "\n", encoding="utf-8")
    plot_history(config, tried, metric, folder / HISTORY_FILE)
    plot_importance(config, shares, metric, folder / IMPORTANCE_FILE)
    plot_parallel(config, tried, space, metric, folder / PARALLEL_FILE)
