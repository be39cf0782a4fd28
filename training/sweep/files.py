"""What a sweep leaves for people and for the next stage: ``best_params.yaml``, ``trials.csv`` and ``sweep.json``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from training.config import Decisions, ModelConfig, Range
from training.metrics import HIGHER_IS_BETTER
from training.selection.report import figure
from training.sweep.rungs import RUNGS
from training.sweep.search import Tried, best_of


def best_params(
    config: ModelConfig, decisions: Decisions, tried: Sequence[Tried], metric: str, study: str, ended: str
) -> str:
    """Return ``best_params.yaml``: a ``Decisions``, with a comment that says where it is from.

    The keys are sorted, so two of these files differ in lines that mean something; what is read back with
    ``Decisions.model_validate`` is exactly what was written.

    Args:
        config: the model's config.
        decisions: what was found best.
        tried: the trials.
        metric: what decided.
        study: the study's name.
        ended: why the sweep ended, in words.
    """
    best, first = best_of(list(tried), metric), tried[0] if tried else None
    head = [f"{config.title}: the best of {len(tried)} sets of parameters. {ended}"]
    if best is not None and best.value is not None:
        head.append(
            f"{metric} {figure(best.value)} ± {figure(best.standard_error or 0.0)} (standard error over the folds of the"
            f" training part), trial {best.number}."
        )
    if first is not None and first.value is not None:
        head.append(f"It began with {metric} {figure(first.value)} ± {figure(first.standard_error or 0.0)}.")
    head.append(f"Seed {config.seed}, study {study}. Written by the stage `sweep`; the keys are those of a config.")
    body = yaml.safe_dump(decisions.model_dump(mode="json"), sort_keys=True, allow_unicode=True, width=120)
    return "".join(f"# {line}\n" for line in head) + body


def trials_csv(tried: Sequence[Tried], space: Mapping[str, Range]) -> str:
    """Return ``trials.csv``: a row for each trial; what is measured in time stands in the last columns."""
    names = sorted(space)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    measured = ["single_row_us", "batch_us", "model_mib", "seconds"]
    writer.writerow(["trial", "value", "standard_error", "quarters", *names, "reason", *measured])
    for item in tried:
        cost = [item.cost.single_row_us, item.cost.batch_us, item.cost.model_mib] if item.cost else [None] * 3
        params = [item.params.get(name) for name in names]
        writer.writerow(
            [item.number, item.value, item.standard_error, item.quarters, *params, item.reason, *cost, item.seconds]
        )
    return text.getvalue()


def as_json(config: ModelConfig, tried: Sequence[Tried], metric: str, study: str, ended: str) -> dict[str, Any]:
    """Return ``sweep.json``: the figures of the first and the best trial, and how many were tried."""
    best = best_of(list(tried), metric)
    return {
        "metric": metric,
        "higher_is_better": metric in HIGHER_IS_BETTER,
        "study": study,
        "seed": config.seed,
        "ended": ended,
        "trials": {
            "asked": config.sweep.trials,
            "tried": len(tried),
            "whole": sum(item.quarters == RUNGS[-1] for item in tried),
            "ended_early": sum(item.value is None and not item.reason for item in tried),
            "not_eligible": sum(bool(item.reason) for item in tried),
        },
        "first": _figures(tried[0] if tried else None),
        "best": _figures(best),
        "seconds": sum(item.seconds for item in tried),
    }


def _figures(tried: Tried | None) -> dict[str, Any] | None:
    if tried is None:
        return None
    return {
        "trial": tried.number,
        "value": tried.value,
        "standard_error": tried.standard_error,
        "params": tried.params,
        "reason": tried.reason,
        "cost": tried.cost.model_dump() if tried.cost else None,
    }
