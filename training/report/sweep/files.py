"""The files of a sweep, for readers and for the next stage: ``best_params.yaml``, ``trials.csv`` and ``sweep.json``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from training.config import Decisions, ModelConfig, Range
from training.model.metrics import HIGHER_IS_BETTER
from training.studies.sweep.rungs import RUNGS
from training.studies.sweep.search import FinishedTrial, find_best
from training.studies.texts import format_score


def render_best_params(
    config: ModelConfig, decisions: Decisions, trials: Sequence[FinishedTrial], metric: str, study: str, end_reason: str
) -> str:
    """Return ``best_params.yaml``: a ``Decisions``, with a comment about its origin.

    The keys are sorted, so two of these files differ only in changed values. ``Decisions.model_validate`` reads the same decisions
    back.

    Args:
        config: the model's config.
        decisions: the best decisions.
        tried: the finished trials.
        metric: the deciding metric.
        study: the name of the study.
        ended: the reason why the sweep ended, as a sentence.
    """
    best, first = find_best(list(trials), metric), trials[0] if trials else None
    head = [f"{config.title}: the best of {len(trials)} sets of parameters. {end_reason}"]
    if best is not None and best.value is not None:
        head.append(
            f"{metric} {format_score(best.value)} ± {format_score(best.standard_error or 0.0)} (standard error over the folds of the"
            f" training part), trial {best.number}."
        )
    if first is not None and first.value is not None:
        head.append(
            f"The first trial had {metric} {format_score(first.value)} ± {format_score(first.standard_error or 0.0)}."
        )
    head.append(f"Seed {config.seed}, study {study}. Written by the stage `sweep`; the keys are those of a config.")
    body = yaml.safe_dump(decisions.model_dump(mode="json"), sort_keys=True, allow_unicode=True, width=120)
    return "".join(f"# {line}\n" for line in head) + body


def render_trials(trials: Sequence[FinishedTrial], space: Mapping[str, Range]) -> str:
    """Return ``trials.csv``: a row for each trial; the measured times are the last columns."""
    names = sorted(space)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    measured = ["single_row_us", "batch_us", "model_mib", "seconds"]
    writer.writerow(["trial", "value", "standard_error", "quarters", *names, "reason", *measured])
    for item in trials:
        cost = [item.cost.single_row_us, item.cost.batch_us, item.cost.model_mib] if item.cost else [None] * 3
        params = [item.params.get(name) for name in names]
        writer.writerow(
            [item.number, item.value, item.standard_error, item.quarters, *params, item.reason, *cost, item.seconds]
        )
    return text.getvalue()


def sweep_content(
    config: ModelConfig, trials: Sequence[FinishedTrial], metric: str, study: str, end_reason: str
) -> dict[str, Any]:
    """Return ``sweep.json``: the first and the best trial, and the numbers of trials."""
    best = find_best(list(trials), metric)
    return {
        "metric": metric,
        "higher_is_better": metric in HIGHER_IS_BETTER,
        "study": study,
        "seed": config.seed,
        "ended": end_reason,
        "trials": {
            "asked": config.sweep.trials,
            "tried": len(trials),
            "whole": sum(item.quarters == RUNGS[-1] for item in trials),
            "ended_early": sum(item.value is None and not item.reason for item in trials),
            "not_eligible": sum(bool(item.reason) for item in trials),
        },
        "first": _trial_content(trials[0] if trials else None),
        "best": _trial_content(best),
        "seconds": sum(item.seconds for item in trials),
    }


def _trial_content(trial: FinishedTrial | None) -> dict[str, Any] | None:
    if trial is None:
        return None
    return {
        "trial": trial.number,
        "value": trial.value,
        "standard_error": trial.standard_error,
        "params": trial.params,
        "reason": trial.reason,
        "cost": trial.cost.model_dump() if trial.cost else None,
    }


def summarize_sweep(trials: Sequence[FinishedTrial], metric: str) -> str:
    """Return the gain of the sweep as a sentence."""
    best, first = find_best(list(trials), metric), trials[0] if trials else None
    if best is None or best.value is None or first is None:
        return "No trial is within the budget."
    if first.value is None or best is first:
        return f"No trial is better than the first one, {metric} {format_score(best.value)}."
    return f"From {metric} {format_score(first.value)} to {format_score(best.value)} (trial {best.number})."
