"""The league's table and picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.league.contestants import WHOLE_PIPELINES
from benchmarks.league.result import EXACT, NOTICED, Outcome

OWN = "Tabento"


def _share(part: int, total: int) -> str:
    return "–" if not total else f"{part} ({100 * part / total:.0f}%)"  # rounded: a share for readers


def _geometric_mean(values: Sequence[float]) -> float | None:
    return math.exp(sum(math.log(value) for value in values) / len(values)) if values else None


def speed_ratio(outcomes: Sequence[Outcome], count: int) -> float | None:
    """Return the ratio of the contestant's time to Tabento's, the geometric mean over the pipelines that both answer."""
    ratios = []
    for outcome in outcomes:
        peer_us, tabento_us = getattr(outcome, f"us_{count}"), getattr(outcome, f"tabento_us_{count}")
        if peer_us and tabento_us:
            ratios.append(peer_us / tabento_us)
    return _geometric_mean(ratios)


def table(results: Mapping[str, Sequence[Outcome]], versions: Mapping[str, str]) -> str:
    """Return the league's table in Markdown."""
    lines = [
        "| contestant | versions | takes | refuses or fails | exact | off by more than 1e-4: on plain rows · on all |"
        " worst difference | other labels | Tabento is times as fast: a row · a hundred |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, outcomes in results.items():
        answered_outcomes = [outcome for outcome in outcomes if outcome.refused is None and outcome.failed is None]
        n_unanswered = len(outcomes) - len(answered_outcomes)
        crashed = sum(outcome.failed is not None for outcome in outcomes)
        exact = sum(outcome.exact for outcome in answered_outcomes)
        plain = sum(outcome.noticed_plain > 0 for outcome in answered_outcomes)
        noticed = sum(outcome.noticed > 0 for outcome in answered_outcomes)
        worst = max((outcome.worst for outcome in answered_outcomes), default=0.0)
        flips = sum(outcome.flips for outcome in answered_outcomes)
        ratios = [speed_ratio(outcomes, count) for count in (1, 100)]
        speeds = " · ".join("–" if ratio is None else f"{ratio:.2f}" for ratio in ratios)  # rounded: a ratio
        takes = "whole pipelines" if name in (OWN, *WHOLE_PIPELINES) else "the last estimator"
        lines.append(
            f"| {name} | {versions.get(name, '')} | {takes} | {n_unanswered}, {crashed} of them after it converted |"
            f" {_share(exact, len(outcomes))} | {plain} · {noticed} of {len(answered_outcomes)} | {worst:.1e} | {flips:,} |"  # rounded: a magnitude
            f" {speeds} |"
        )
    return "\n".join(lines)


def document(results: Mapping[str, Sequence[Outcome]], versions: Mapping[str, str], machine: str) -> str:
    """Return docs/league.md."""
    count = len(next(iter(results.values())))
    return f"""# The league: the zoo's pipelines through every converter that installs

Written by `make league`. Each contestant runs in an environment of its own, with the newest version that resolves together with
scikit-learn 1.9, used as its own documentation shows it (`benchmarks/league/contestants.py`). All contestants get the same {count} fitted
pipelines of the zoo and the same rows: up to 2,000 plain rows and 2,000 hostile rows (on thresholds and next to them, at
the ends of the ranges, missing, unknown). scikit-learn's own answers are right.

- *exact*: every row within {EXACT:.0e} (numbers relative, probabilities absolute), no other label; out of all {count} pipelines.
- *off*: pipelines with a row that is off by more than {NOTICED:.0e} or has another label.
- *takes*: some contestants convert the last estimator only. Then scikit-learn runs the previous steps, in double, and only the
  contestant's own part is timed. Tabento's time is always the time of the whole pipeline.
- *times as fast*: the contestant's microseconds over those of Tabento's graph on ONNX Runtime, one thread, in turns, best of 15
  rounds; geometric mean over the pipelines that both answer. Below 1 the contestant is faster. Calls go through Python.
- If a contestant gives no probabilities for a classifier, its labels are compared.

{machine}

![Exact, off, refused](images/league.png)

{table(results, versions)}

## What is fair to say

- Most contestants do not claim to compute in double. skl2onnx, TL2cgen, Hummingbird and emlearn compute in float32 by
  design, which is enough for many uses. Here all answers are compared with scikit-learn's own answers in double.
- Converters of single estimators look better on hostile rows than they would alone, because scikit-learn prepares the rows.
- The hostile rows are on thresholds on purpose. The column of plain rows shows what a user would observe.
- The authors of Tabento chose the zoo. The pipelines that Tabento refuses are in [zoo.md](zoo.md).

## Why contestants fail

{_reasons(results)}
"""


def _reasons(results: Mapping[str, Sequence[Outcome]]) -> str:
    lines = []
    for name, outcomes in results.items():
        counted: dict[str, int] = {}
        for outcome in outcomes:
            reason = outcome.refused or outcome.failed
            if reason is not None:
                counted[reason] = counted.get(reason, 0) + 1
        common_reasons = sorted(counted.items(), key=lambda item: -item[1])[:4]
        if common_reasons:
            text = "; ".join(f"{times} × {reason.replace('|', '/')}" for reason, times in common_reasons)
            lines.append(f"- **{name}**: {text}")
    return "\n".join(lines)


def draw(results: Mapping[str, Sequence[Outcome]], path: Path) -> None:
    """Plot the number of exact, nearly right, wrong and unanswered pipelines of each contestant."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(results)[::-1]
    kinds = {"exact": "#1a7f5a", "within 1e-4": "#8fc9a8", "off": "#d9822b", "refused or failed": "#c9c9c9"}
    counts: dict[str, list[int]] = {kind: [] for kind in kinds}
    for name in names:
        outcomes = results[name]
        answered_outcomes = [outcome for outcome in outcomes if outcome.refused is None and outcome.failed is None]
        exact = sum(outcome.exact for outcome in answered_outcomes)
        off = sum(outcome.noticed > 0 for outcome in answered_outcomes)
        for kind, value in zip(
            kinds,
            (exact, len(answered_outcomes) - exact - off, off, len(outcomes) - len(answered_outcomes)),
            strict=True,
        ):
            counts[kind].append(value)
    figure, axes = pyplot.subplots(figsize=(9, 0.55 * len(names) + 1.4))
    start = [0] * len(names)
    for kind, colour in kinds.items():
        axes.barh(names, counts[kind], left=start, color=colour, label=kind)
        start = [offset + value for offset, value in zip(start, counts[kind], strict=True)]
    axes.set_xlabel("pipelines")
    axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
