"""The report of the grids: one row for each family in the table, and every score in ``selection.json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.config import Estimator
from training.studies.selection.comparison import OVERFIT_SHARE, ComparedCandidate, overfit_share
from training.studies.selection.grid_search import GridResult
from training.studies.texts import format_score

_NONE = "–"


def grid_rows(grids: Sequence[GridResult], baseline: ComparedCandidate | None, metric: str) -> list[tuple[str, ...]]:
    """Return the table with its head: the best eligible combination of each family, else the best combination."""
    head = (
        "grid",
        "combinations",
        "compared",
        "overfit",
        f"train {metric}",
        f"valid {metric}",
        "verdict",
        "parameters",
    )
    return [head, *(_row(grid, baseline, metric) for grid in grids)]


def best_of(grid: GridResult) -> ComparedCandidate | None:
    """Return a family's best eligible combination, else its best combination; None if no combination has scores."""
    eligible = [item for item in grid.scored if item.status == "eligible"]
    return next(iter([*eligible, *grid.scored]), None)


def _row(grid: GridResult, baseline: ComparedCandidate | None, metric: str) -> tuple[str, ...]:
    counts = (grid.kind, f"{len(grid.items):,}", f"{len(grid.scored):,}")
    best = best_of(grid)
    if best is None or best.scores is None:
        return (*counts, *[_NONE] * 5)
    overfitting = sum(_overfits(item, baseline, metric) for item in grid.scored)
    scores = (format_score(best.scores.train_mean(metric)), format_score(best.scores.mean(metric)))
    verdict = f"{best.status}{', overfits' if _overfits(best, baseline, metric) else ''}"
    return (*counts, f"{overfitting:,}", *scores, verdict, params_text(best.candidate.estimator))


def params_text(estimator: Estimator) -> str:
    """Return an estimator's parameters as ``alpha=0.1, max_depth=none``."""
    return ", ".join(f"{key}={'none' if value is None else value}" for key, value in estimator.params.items())


def describe_shortfall(grids: Sequence[GridResult]) -> str:
    """Return the number of combinations of each grid that were not reached, failed or not measured; empty if all are complete."""
    lines = []
    for grid in grids:
        parts = []
        if n_not_begun := grid.count("not begun"):
            parts.append(f"{n_not_begun:,} of {len(grid.items):,} combinations were not reached")
        failed = [item for item in grid.items if item.status == "failed"]
        if failed:
            parts.append(f"{len(failed):,} could not be fitted ({failed[0].name}: {failed[0].reason})")
        if grid.measured and not any(item.status == "eligible" for item in grid.measured):
            parts.append(
                f"its best {len(grid.measured):,} cannot be chosen ({grid.measured[0].name}: {grid.measured[0].reason}),"
                " and the other combinations were not measured"
            )
        if parts:
            lines.append(f"{grid.kind} grid: {'; '.join(parts)}.")
    if any(grid.count("not begun") for grid in grids):
        lines.append("Raise `selection.minutes`, or list fewer values, to compare all of them.")
    return "\n".join(lines)


def grid_markdown(grids: Sequence[GridResult], baseline: ComparedCandidate | None, metric: str) -> str:
    """Return the section of ``table.md`` about grids, with a blank line before it; empty without grids."""
    if not grids:
        return ""
    table = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in grid_rows(grids, baseline, metric)]
    lines = [
        "",
        "## Grids",
        "",
        f"| {table[0]} |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |",
        *(f"| {row} |" for row in table[1:]),
        "",
        f"Scores and parameters are those of the best combination within the budget. Overfit: the number of combinations"
        f" with a training score that is better than the validation score by more than {OVERFIT_SHARE:.0%} of the gain over"
        " the baseline.",
    ]
    if shortfall := describe_shortfall(grids):
        lines += ["", *(f"- {line}" for line in shortfall.splitlines())]
    return "\n".join(lines) + "\n"


def grids_as_json(grids: Sequence[GridResult], baseline: ComparedCandidate | None, metric: str) -> list[dict[str, Any]]:
    """Return the part of ``selection.json`` about grids: every combination with its parameters and mean scores."""
    return [
        {
            "kind": grid.kind,
            "combinations": len(grid.items),
            "compared": len(grid.scored),
            "not_begun": grid.count("not begun"),
            "failed": grid.count("failed"),
            "items": [_entry(item, baseline, metric) for item in grid.items],
        }
        for grid in grids
    ]


def _entry(item: ComparedCandidate, baseline: ComparedCandidate | None, metric: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": item.name,
        "params": dict(item.candidate.estimator.params),
        "status": item.status,
        "reason": item.reason,
    }
    if item.scores is not None:
        entry["train_mean"] = item.scores.train_mean(metric)
        entry["mean"] = item.scores.mean(metric)
        entry["sd"] = item.scores.std(metric)
        entry["overfits"] = _overfits(item, baseline, metric)
    return entry


def _overfits(item: ComparedCandidate, baseline: ComparedCandidate | None, metric: str) -> bool:
    share = overfit_share(item, baseline, metric)
    return share is not None and share > OVERFIT_SHARE
