"""The report of the comparison: a table for the terminal, ``table.md`` and ``selection.json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tabento.bundle.numbers import number_text
from training.config import ModelConfig
from training.model.metrics import HIGHER_IS_BETTER, LABEL_METRICS
from training.studies.selection.choice import WHY_NOT_THE_SIMPLEST, Choice
from training.studies.selection.comparison import (
    OVERFIT_SHARE,
    ComparedCandidate,
    find_baseline,
    overfit_share,
    sort_by_score,
)
from training.studies.selection.cost import BATCH_ROWS
from training.studies.texts import format_score

_NONE = "–"


def table_rows(compared: Sequence[ComparedCandidate], choice: Choice, metric: str) -> list[tuple[str, ...]]:
    """Return the table with its head, the best validation score first, candidates without a score last."""
    head = (
        "candidate",
        f"train {metric}",
        f"valid {metric}",
        "± sd",
        "overfit",
        "1 row µs",
        f"{BATCH_ROWS} rows µs",
        "MiB",
        "fit s",
        "verdict",
    )
    baseline = find_baseline(compared)
    return [head, *(_table_row(item, baseline, choice, metric) for item in sort_by_score(compared, metric))]


def verdict_text(item: ComparedCandidate, choice: Choice) -> str:
    """Return the status of a candidate as text."""
    words: list[str] = [] if item.status == "eligible" else [item.status]
    if item is choice.winner:
        words.append("chosen")
    elif item is choice.simplest:
        words.append("simplest within 1 se")
    return ", ".join(words) or _NONE


def _table_row(
    item: ComparedCandidate, baseline: ComparedCandidate | None, choice: Choice, metric: str
) -> tuple[str, ...]:
    kind = item.candidate.estimator.kind
    name = item.name if kind in item.name else f"{item.name} ({kind})"
    cells = [name]
    if item.scores is None:
        cells += [_NONE] * 4
    else:
        share = overfit_share(item, baseline, metric)
        cells += [format_score(item.scores.train_mean(metric)), format_score(item.scores.mean(metric))]
        cells += [format_score(item.scores.std(metric)), _overfit_text(share)]
    if item.cost is None:
        cells += [_NONE] * 4
    else:
        cells += [f"{item.cost.single_row_us:,.1f}", f"{item.cost.batch_us:,.0f}", f"{item.cost.model_mib:,.2f}"]
        cells += [f"{item.cost.fit_s:,.1f}"]
    return (*cells, verdict_text(item, choice))


def _overfit_text(share: float | None) -> str:
    if share is None:
        return _NONE
    return f"{share:.0%} overfits" if share > OVERFIT_SHARE else f"{share:.0%}"


def budget_text(config: ModelConfig) -> str:
    """Return the budget as text."""
    budget = config.selection
    parts = [
        f"one row ≤ {number_text(budget.single_row_us_max, grouped=True)} µs"
        if budget.single_row_us_max is not None
        else "",
        f"{BATCH_ROWS} rows ≤ {number_text(budget.batch_us_max, grouped=True)} µs"
        if budget.batch_us_max is not None
        else "",
        f"graph ≤ {number_text(budget.model_mib_max, grouped=True)} MiB" if budget.model_mib_max is not None else "",
    ]
    return ", ".join(part for part in parts if part) or "no limit"


def conclusion_text(choice: Choice, metric: str) -> str:
    """Return a paragraph about the winner, and about the alternative by the one-standard-error rule."""
    winner, simplest = choice.winner, choice.simplest
    assert winner.scores is not None
    text = (
        f"Chosen: {winner.name} ({winner.candidate.estimator.kind}), {metric} {format_score(winner.scores.mean(metric))}"
        f" ± {format_score(winner.scores.standard_error(metric))} (standard error over {len(winner.scores.valid)} folds)."
    )
    if simplest is winner:
        return f"{text} It is also the smallest graph within one standard error."
    assert simplest.scores is not None
    return (
        f"{text} The smallest graph within one standard error is {simplest.name}, {metric}"
        f" {format_score(simplest.scores.mean(metric))}. {WHY_NOT_THE_SIMPLEST}"
    )


def describe_overfitting(choice: Choice, baseline: ComparedCandidate | None, metric: str) -> str:
    """Return a warning if the chosen candidate is much better on its training rows than on held-out rows, else an empty text."""
    winner = choice.winner
    share = overfit_share(winner, baseline, metric)
    if share is None or share <= OVERFIT_SHARE or winner.scores is None:
        return ""
    return (
        f"The chosen {winner.name} overfits: {metric} {format_score(winner.scores.train_mean(metric))} on the rows it was fitted"
        f" on, {format_score(winner.scores.mean(metric))} on held-out rows. The gap is {_share_text(share)} its gain over the"
        f" baseline (warning above {OVERFIT_SHARE:.0%}). The score on held-out rows decides, so it is chosen anyway;"
        " stronger regularisation or more rows might reduce the gap."
    )


def _share_text(share: float) -> str:
    return f"{share:.0%} of" if share != float("inf") else "infinitely larger than"


def render_comparison(
    config: ModelConfig, compared: Sequence[ComparedCandidate], choice: Choice, metric: str, train_rows: int
) -> str:
    """Return ``table.md``."""
    table = table_rows(compared, choice, metric)
    lines = [
        f"# {config.title}: estimators compared",
        "",
        f"{train_rows:,} training rows, {_folds_text(compared)}, seed {config.seed}; the test part is not used. The deciding"
        f" score is the mean {metric} on the held-out rows, {'higher' if metric in HIGHER_IS_BETTER else 'lower'} is better. Budget:"
        f" {budget_text(config)}.",
        "",
        *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table[:1]),
        "| --- |" + " ---: |" * (len(table[0]) - 2) + " --- |",
        *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table[1:]),
        "",
        conclusion_text(choice, metric),
        "",
        f"Overfit: the gap between training and validation score as a share of the gain over the baseline; above"
        f" {OVERFIT_SHARE:.0%} it is called overfitting. Times: p50 of the exported graph in ONNX Runtime on one thread.",
    ]
    if config.decision.by != "most_probable" and metric not in LABEL_METRICS:
        lines += [
            "",
            f"The decision threshold is chosen after the fit; {metric} does not depend on it, so it is omitted here.",
        ]
    reasons = [item for item in compared if item.reason and item.status != "baseline"]
    if reasons:
        lines += ["", "## Cannot be chosen", "", *(f"- {item.name}: {item.status}; {item.reason}" for item in reasons)]
    return "\n".join(lines) + "\n"


def _folds_text(compared: Sequence[ComparedCandidate]) -> str:
    count = next((len(item.scores.valid) for item in compared if item.scores is not None), 0)
    return f"{count} folds, the same for all"


def comparison_content(
    config: ModelConfig, compared: Sequence[ComparedCandidate], choice: Choice, metric: str
) -> dict[str, Any]:
    """Return ``selection.json``: every metric of every fold."""
    baseline = find_baseline(compared)
    return {
        "metric": metric,
        "higher_is_better": metric in HIGHER_IS_BETTER,
        "seed": config.seed,
        "budget": {
            "single_row_us_max": config.selection.single_row_us_max,
            "batch_us_max": config.selection.batch_us_max,
            "model_mib_max": config.selection.model_mib_max,
            "minutes": config.selection.minutes,
        },
        "compared": [item.name for item in compared if item.scores is not None],
        "not_begun": [item.name for item in compared if item.status == "not begun"],
        "chosen": choice.winner.name,
        "simplest_within_one_standard_error": choice.simplest.name,
        "candidates": [_candidate_content(item, baseline, choice, metric) for item in compared],
    }


def _candidate_content(
    item: ComparedCandidate, baseline: ComparedCandidate | None, choice: Choice, metric: str
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": item.name,
        "estimator": item.candidate.estimator.model_dump(mode="json"),
        "status": item.status,
        "reason": item.reason,
        "chosen": item is choice.winner,
    }
    if item.scores is not None:
        share = overfit_share(item, baseline, metric)
        entry["scores"] = {
            "train_mean": item.scores.train_mean(metric),
            "mean": item.scores.mean(metric),
            "sd": item.scores.std(metric),
            "standard_error": item.scores.standard_error(metric),
            # JSON has no infinity, which is the share of a gap without a gain.
            "overfit_share": None if share == float("inf") else share,
        }
        entry["folds"] = {"valid": item.scores.valid, "train": item.scores.train}
    if item.cost is not None:
        entry["cost"] = item.cost.model_dump()
    return entry
