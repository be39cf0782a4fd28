"""The zoo's table: every member in a line, the naive conversion beside the exact one."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import geometric_mean, median

from benchmarks.zoo.results import Exact, Naive, Result, Speed

HEAD = (
    "family",
    "pipeline",
    "task",
    "rows",
    "exact: worst relative",
    "other branch",
    "flips",
    "probability",
    "naive: off by > 1e-4, test · all",
    "worst",
    "flips",
    "µs a row, 1: exact · naive",
    "µs a row, 100: exact · naive",
    "times as fast, 1 · 100",
)
DASH = "–"
CELL_LENGTH = 200
"""Characters of a refusal or an error that a cell holds; the JSON file holds more."""


def markdown(results: Sequence[Result]) -> str:
    """Return one table with a line for each member, in the given order."""
    lines = [f"| {' | '.join(HEAD)} |", f"|{' --- |' * len(HEAD)}"]
    lines += [f"| {' | '.join(_cells(result))} |" for result in results]
    return "\n".join(lines) + "\n"


def summary(results: Sequence[Result]) -> str:
    """Return in a few lines what the table says."""
    refused = [result for result in results if result.refused]
    failed = [result for result in results if result.broken or (result.exact and result.exact.failed)]
    held = [result for result in results if result.exact and not result.exact.failed]
    answered = [result for result in results if result.naive and not result.naive.failed]
    wrong = [result for result in answered if result.naive and (result.naive.share > 0 or result.naive.flips)]
    plainly = [result for result in answered if result.naive and result.naive.test_share > 0]
    lines = [
        f"- {len(results)} pipelines; {len(held)} exported and proven, {len(refused)} refused by name,"
        f" {len(failed)} not proven.",
    ]
    if proofs := [result.exact for result in held if result.exact]:
        rows = [exact.rows for exact in proofs]
        double = [exact.worst_relative for exact in proofs if not exact.single_precision]
        single = [exact.worst_relative for exact in proofs if exact.single_precision]
        lines.append(
            f"- Exact: {sum(rows):,} rows compared, {min(rows):,} to {max(rows):,} a pipeline; worst relative difference"
            f" {_small(max(double, default=0.0))}"
            f"{f' ({_small(max(single))} where the library computes in float32)' if single else ''}, rows on another"
            f" branch: {_share(max(exact.other_branch_share for exact in proofs))} at most, labels flipped:"
            f" {sum(exact.label_flips for exact in proofs)}, undecided rows: {sum(exact.undecided for exact in proofs):,},"
            f" knife edges: {sum(exact.knife_edges for exact in proofs):,}, cancelled rows:"
            f" {sum(exact.cancelled for exact in proofs):,}, rows on which both raise an error:"
            f" {sum(exact.raised for exact in proofs):,}."
        )
    lines.append(
        f"- Naive (skl2onnx in float32): {len(results) - len(answered)} do not convert or do not run; of the"
        f" {len(answered)} that answer, {len(wrong)} are off by more than 1e-4 on some row, {len(plainly)} of them on rows"
        " of the plain test split."
    )
    for size in (1, 100):
        if ratios := speed_ratios(results, size):
            slower = sum(ratio < 1 for ratio in ratios)
            lines.append(
                f"- Speed at {size} row{'s' if size > 1 else ''} a call over {len(ratios)} pipelines that have both graphs:"
                f" the exact graph is {geometric_mean(ratios):.2f} times as fast as the naive one by the geometric mean,"
                f" {median(ratios):.2f} times by the median; it is slower for {slower}."
            )
    return "\n".join(lines) + "\n"


def families(results: Sequence[Result]) -> str:
    """Return a table with a line for each family: what was proven, what naive conversion does, how the speeds compare."""
    lines = [
        "| family | pipelines | proven | naive: fails | naive: off on test rows | times as fast, 1 · 100 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for family in dict.fromkeys(result.family for result in results):
        mine = [result for result in results if result.family == family]
        naive = [result.naive for result in mine if result.naive]
        means = [geometric_mean(ratios) if (ratios := speed_ratios(mine, size)) else None for size in (1, 100)]
        cells = [
            family,
            str(len(mine)),
            str(sum(result.exact is not None and not result.exact.failed for result in mine)),
            str(sum(bool(answer.failed) for answer in naive)),
            str(sum(answer.test_share > 0 for answer in naive)),
            " · ".join(DASH if mean is None else f"{mean:.2f}" for mean in means),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def speed_ratios(results: Sequence[Result], size: int) -> list[float]:
    """Return, for each member that has both, how many times as fast the exact graph is at 1 or 100 rows a call."""
    pairs = [_speeds(result.speed, size) for result in results if result.speed]
    return [naive / exact for exact, naive in pairs if naive is not None]


def _cells(result: Result) -> list[str]:
    cells = [result.family, result.name, result.task]
    if result.exact is None:
        why = f"refused: {_cell(result.refused)}" if result.refused else f"**broken**: {_cell(result.broken or '')}"
        cells += [DASH, why, DASH, DASH, DASH]
    else:
        cells += _exact(result.exact)
    cells += _naive(result.naive)
    return cells + _speed(result.speed)


def _exact(exact: Exact) -> list[str]:
    worst = _small(exact.worst_relative)
    if exact.failed:
        worst = f"**not proven** ({worst}): {_cell(exact.failed)}"
    if exact.single_precision:
        worst += " (float32)"
    counts = [
        (exact.undecided, "undecided"),
        (exact.knife_edges, "knife edges"),
        (exact.cancelled, "cancelled"),
        (exact.raised, "raise an error"),
    ]
    told = ", ".join(f"{count:,} {kind}" for count, kind in counts if count)
    apart = f" ({told})" if told else ""
    return [
        f"{exact.rows:,}",
        worst + apart,
        _share(exact.other_branch_share),
        str(exact.label_flips),
        DASH if exact.worst_probability is None else _small(exact.worst_probability),
    ]


def _naive(naive: Naive | None) -> list[str]:
    if naive is None:
        return [DASH] * 3
    if naive.failed:
        return [f"fails: {_cell(naive.failed)}", DASH, DASH]
    return [
        f"{_share(naive.test_share)} · {_share(naive.share)}",
        _small(naive.worst),
        DASH if naive.flips is None else f"{naive.flips:,}",
    ]


def _speed(speed: Speed | None) -> list[str]:
    if speed is None:
        return [DASH] * 3
    cells, ratios = [], []
    for size in (1, 100):
        exact, naive = _speeds(speed, size)
        cells.append(f"{exact:.3g} · {DASH if naive is None else f'{naive:.3g}'}")
        ratios.append(DASH if naive is None else f"{naive / exact:.2f}")
    return [*cells, " · ".join(ratios)]


def _speeds(speed: Speed, size: int) -> tuple[float, float | None]:
    return (speed.exact_1, speed.naive_1) if size == 1 else (speed.exact_100, speed.naive_100)


def _small(value: float) -> str:
    return "0" if value == 0 else f"{value:.1e}"


def _share(value: float) -> str:
    if value == 0:
        return "0"
    return f"{100 * value:.2g}%" if value < 0.1 else f"{100 * value:.1f}%"


def _cell(text: str) -> str:
    """Return text, cut where it is long, that does not end a cell or start a tag."""
    if len(text) > CELL_LENGTH:
        text = f"{text[: CELL_LENGTH - 1]}…"
    return text.replace("|", "\\|").replace("<", "&lt;")
