"""The league's table and picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.league.contestants import WHOLE
from benchmarks.league.result import EXACT, NOTICED, Outcome

OWN = "Tabento"


def _share(part: int, whole: int) -> str:
    return "–" if not whole else f"{part} ({100 * part / whole:.0f}%)"  # rounded: a share for people


def _geometric_mean(values: Sequence[float]) -> float | None:
    return math.exp(sum(math.log(value) for value in values) / len(values)) if values else None


def speed_ratio(outcomes: Sequence[Outcome], count: int) -> float | None:
    """Return how many times as fast Tabento is, by the geometric mean over the pipelines that both answer."""
    ratios = []
    for one in outcomes:
        theirs, ours = getattr(one, f"us_{count}"), getattr(one, f"tabento_us_{count}")
        if theirs and ours:
            ratios.append(theirs / ours)
    return _geometric_mean(ratios)


def table(results: Mapping[str, Sequence[Outcome]], versions: Mapping[str, str]) -> str:
    """Return the league's table in Markdown."""
    lines = [
        "| contestant | versions | takes | refuses or fails | exact | off by more than 1e-4: on plain rows · on all |"
        " worst difference | other labels | Tabento is times as fast: a row · a hundred |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, outcomes in results.items():
        answered = [one for one in outcomes if one.refused is None and one.failed is None]
        gone = len(outcomes) - len(answered)
        crashed = sum(one.failed is not None for one in outcomes)
        exact = sum(one.exact for one in answered)
        plain = sum(one.noticed_plain > 0 for one in answered)
        noticed = sum(one.noticed > 0 for one in answered)
        worst = max((one.worst for one in answered), default=0.0)
        flips = sum(one.flips for one in answered)
        ratios = [speed_ratio(outcomes, count) for count in (1, 100)]
        speeds = " · ".join("–" if ratio is None else f"{ratio:.2f}" for ratio in ratios)  # rounded: a ratio
        takes = "whole pipelines" if name in (OWN, *WHOLE) else "the last estimator"
        lines.append(
            f"| {name} | {versions.get(name, '')} | {takes} | {gone}, {crashed} of them after it converted |"
            f" {_share(exact, len(outcomes))} | {plain} · {noticed} of {len(answered)} | {worst:.1e} | {flips:,} |"  # rounded: a magnitude
            f" {speeds} |"
        )
    return "\n".join(lines)


def document(results: Mapping[str, Sequence[Outcome]], versions: Mapping[str, str], machine: str) -> str:
    """Return docs/league.md."""
    count = len(next(iter(results.values())))
    return f"""# The league: the zoo's pipelines through every converter that installs

Written by `make league`. Each contestant runs in an environment of its own, with the newest version that resolves beside
scikit-learn 1.9, used as its own documentation shows it (`benchmarks/league/contestants.py`). All get the same {count} fitted
pipelines of the zoo and the same rows: up to 2,000 plain ones and 2,000 hostile ones (on thresholds and beside them, at the
ends of the ranges, missing, unknown). What scikit-learn itself answers is right.

- *exact*: every row within {EXACT:.0e} (numbers relative, probabilities absolute), no other label; of all {count} pipelines.
- *off*: pipelines with a row that is off by more than {NOTICED:.0e} or has another label.
- *takes*: some convert the last estimator only. Then scikit-learn runs the steps in front of it, in double, and only the
  contestant's own part is timed. Tabento's time beside it is that of the whole pipeline.
- *times as fast*: the contestant's microseconds over those of Tabento's graph on ONNX Runtime, one thread, in turns, best of 15
  rounds; geometric mean over the pipelines that both answer. Below 1 the contestant is faster. Calls go through Python.
- A contestant that gives no probabilities for a classifier is compared by its labels.

{machine}

![Exact, off, refused](images/league.png)

{table(results, versions)}

## What is fair to say

- Most contestants never promised doubles. skl2onnx, TL2cgen, Hummingbird and emlearn compute in float32 by design, which is
  enough for many uses; here everything is held against scikit-learn's own answers in double.
- Converters of single estimators look better on hostile rows than they would alone, because scikit-learn prepares the rows.
- The hostile rows are on thresholds on purpose. The column of plain rows is what a user would meet.
- The zoo was chosen by the authors of Tabento. What it refuses is in [zoo.md](zoo.md).

## Why a contestant fails

{_reasons(results)}
"""


def _reasons(results: Mapping[str, Sequence[Outcome]]) -> str:
    lines = []
    for name, outcomes in results.items():
        counted: dict[str, int] = {}
        for one in outcomes:
            said = one.refused or one.failed
            if said is not None:
                counted[said] = counted.get(said, 0) + 1
        most = sorted(counted.items(), key=lambda item: -item[1])[:4]
        if most:
            told = "; ".join(f"{times} × {said.replace('|', '/')}" for said, times in most)
            lines.append(f"- **{name}**: {told}")
    return "\n".join(lines)


def draw(results: Mapping[str, Sequence[Outcome]], path: Path) -> None:
    """Draw, for each contestant, how many pipelines are exact, nearly right, off, and not answered."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(results)[::-1]
    kinds = {"exact": "#1a7f5a", "within 1e-4": "#8fc9a8", "off": "#d9822b", "refused or failed": "#c9c9c9"}
    counts: dict[str, list[int]] = {kind: [] for kind in kinds}
    for name in names:
        outcomes = results[name]
        answered = [one for one in outcomes if one.refused is None and one.failed is None]
        exact = sum(one.exact for one in answered)
        off = sum(one.noticed > 0 for one in answered)
        for kind, value in zip(
            kinds, (exact, len(answered) - exact - off, off, len(outcomes) - len(answered)), strict=True
        ):
            counts[kind].append(value)
    figure, axes = pyplot.subplots(figsize=(9, 0.55 * len(names) + 1.4))
    start = [0] * len(names)
    for kind, colour in kinds.items():
        axes.barh(names, counts[kind], left=start, color=colour, label=kind)
        start = [at + value for at, value in zip(start, counts[kind], strict=True)]
    axes.set_xlabel("pipelines")
    axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
