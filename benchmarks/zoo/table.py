"""The zoo's table: a line for every member, with the exact and the naive conversion."""

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
"""The maximum length of a refusal or an error in a cell; the JSON file contains more."""


def markdown(results: Sequence[Result]) -> str:
    """Return one table with a line for each result, in their order."""
    lines = [f"| {' | '.join(HEAD)} |", f"|{' --- |' * len(HEAD)}"]
    lines += [f"| {' | '.join(_cells(result))} |" for result in results]
    return "\n".join(lines) + "\n"


def summary(results: Sequence[Result]) -> str:
    """Return a summary of the table in a few lines."""
    refusals = [result for result in results if result.refused]
    failed = [result for result in results if result.broken or (result.exact and result.exact.failed)]
    proven = [result for result in results if result.exact and not result.exact.failed]
    naive_results = [result for result in results if result.naive and not result.naive.failed]
    wrong = [result for result in naive_results if result.naive and (result.naive.share > 0 or result.naive.flips)]
    wrong_on_plain_rows = [result for result in naive_results if result.naive and result.naive.test_share > 0]
    lines = [
        f"- {len(results)} pipelines; {len(proven)} exported and proven, {len(refusals)} refused by name,"
        f" {len(failed)} not proven.",
    ]
    if proofs := [result.exact for result in proven if result.exact]:
        rows = [exact.rows for exact in proofs]
        double = [exact.worst_relative for exact in proofs if not exact.single_precision]
        single = [exact.worst_relative for exact in proofs if exact.single_precision]
        lines.append(
            f"- Exact: {sum(rows):,} rows compared, {min(rows):,} to {max(rows):,} a pipeline; worst relative difference"
            f" {_small(max(double, default=0.0))}"
            f"{f' ({_small(max(single))} if the library computes in float32)' if single else ''}, rows on another"
            f" branch: {_share(max(exact.other_branch_share for exact in proofs))} at most, labels flipped:"
            f" {sum(exact.label_flips for exact in proofs)}, undecided rows: {sum(exact.undecided for exact in proofs):,},"
            f" knife edges: {sum(exact.knife_edges for exact in proofs):,}, cancelled rows:"
            f" {sum(exact.cancelled for exact in proofs):,}, rows on which both raise an error:"
            f" {sum(exact.raised for exact in proofs):,}."
        )
    lines.append(
        f"- Naive (skl2onnx in float32): {len(results) - len(naive_results)} do not convert or do not run; of the"
        f" {len(naive_results)} that answer, {len(wrong)} are off by more than 1e-4 on some row, {len(wrong_on_plain_rows)} of them on rows"
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
    """Return a table with a line for each family: proven members, the naive conversion, and the ratio of the speeds."""
    lines = [
        "| family | pipelines | proven | naive: fails | naive: off on test rows | times as fast, 1 · 100 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for family in dict.fromkeys(result.family for result in results):
        family_results = [result for result in results if result.family == family]
        naive = [result.naive for result in family_results if result.naive]
        means = [
            geometric_mean(ratios) if (ratios := speed_ratios(family_results, size)) else None for size in (1, 100)
        ]
        cells = [
            family,
            str(len(family_results)),
            str(sum(result.exact is not None and not result.exact.failed for result in family_results)),
            str(sum(bool(answer.failed) for answer in naive)),
            str(sum(answer.test_share > 0 for answer in naive)),
            " · ".join(DASH if mean is None else f"{mean:.2f}" for mean in means),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def speed_ratios(results: Sequence[Result], size: int) -> list[float]:
    """Return the ratio of naive to exact time at 1 or 100 rows a call, for each member with both graphs."""
    pairs = [_speeds(result.speed, size) for result in results if result.speed]
    return [naive / exact for exact, naive in pairs if naive is not None]


def _cells(result: Result) -> list[str]:
    cells = [result.family, result.name, result.task]
    if result.exact is None:
        reason = f"refused: {_cell(result.refused)}" if result.refused else f"**broken**: {_cell(result.broken or '')}"
        cells += [DASH, reason, DASH, DASH, DASH]
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
    counts_text = ", ".join(f"{count:,} {kind}" for count, kind in counts if count)
    suffix = f" ({counts_text})" if counts_text else ""
    return [
        f"{exact.rows:,}",
        worst + suffix,
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
    """Return a text of limited length that does not end a cell or start a tag."""
    if len(text) > CELL_LENGTH:
        text = f"{text[: CELL_LENGTH - 1]}…"
    return text.replace("|", "\\|").replace("<", "&lt;")
