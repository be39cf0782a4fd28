"""The judge's document: a summary, what is wrong, what was refused and why, and a line for each pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.judge.common_steps import HOW_COUNTED, proven_line, table
from benchmarks.judge.judgement import OUTCOMES, Result
from benchmarks.judge.picture import draw_outcomes

MEANINGS = {
    "equal": "the graph answers what scikit-learn answers, on every row on which scikit-learn is of one mind",
    "knife edge": "equal, but for rows whose decision is within 1e-9 of 0, where the last bit of a sum makes the label",
    "LIE": "proven and wrong: scikit-learn gives one answer, alone and in a dozen batches, and the graph another",
    "refused": "the import or the export says why it cannot be done, and names the step",
    "not proven": "exported, and stopped by the proof: nothing is stored",
    "raw error": "an error without words of its own: a fault",
    "skipped": "a library is not installed, or the pipeline could not be fitted",
}


def summary(results: Sequence[Result]) -> str:
    """Return how many pipelines came out how, in lines."""
    counts = Counter(result.outcome for result in results)
    judged = [result.judgement for result in results if result.judgement is not None]
    lines = [f"{len(results):,} pipelines: " + ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in OUTCOMES)]
    lines.append(
        f"{sum(one.rows for one in judged):,} rows compared, {sum(one.boundaries for one in judged):,} boundaries found;"
        f" {sum(one.wrong for one in judged):,} rows wrong, {sum(one.raises for one in judged):,} answered though"
        f" scikit-learn raises, {sum(one.undecided for one in judged):,} undecided,"
        f" {sum(one.knife_edges for one in judged):,} knife edges"
    )
    lines.append(proven_line(results))
    return "\n".join(lines)


def document(results: Sequence[Result], picture: Path, total: int) -> str:
    """Return the document in Markdown, and draw its picture.

    Args:
        results: what was found.
        picture: where the picture is written.
        total: how many pipelines the catalogue has.
    """
    draw_outcomes(results, picture)
    counts = Counter(result.outcome for result in results)
    parts = [
        "# The judge: exported graphs against scikit-learn, from outside",
        "Written by `make judge`; the code is in `benchmarks/judge`, and shares nothing with the proof of"
        " [export.md](export.md). Each pipeline is fitted, pickled, and imported with a CSV sample as"
        " [import.md](import.md) describes. Then scikit-learn and ONNX Runtime (in double, one thread) answer the same rows:"
        " plain ones; rows at the table's own resolution, recombined from observed values or moved by a few steps of a"
        " column's last decimal; rows on the boundaries of scikit-learn's answers, found by halving pairs of rows with"
        " different answers until they are neighbours in double; and the extremes of the contract, missing and unknown"
        " values among them. If two answers differ by more than 1e-9, or in the label, scikit-learn is asked again: alone,"
        " and in a dozen batches of other sizes, places and company.",
        f"![outcomes](images/{picture.name})",
        "## In short",
        f"{len(results):,} of the catalogue's {total:,} pipelines were judged.",
        summary(results).replace("\n", "\n\n"),
        "| outcome | pipelines | meaning |\n| --- | --- | --- |\n"
        + "\n".join(f"| {name} | {counts[name]:,} | {MEANINGS[name]} |" for name in OUTCOMES),
        "## By table",
        _groups(results),
        "## The fifty most used steps and estimators",
        f"{proven_line(results)}. A step is proven if a pipeline that holds it is.",
        HOW_COUNTED,
        table(results),
        "## Wrong, not proven, errors",
        _faults(results),
        "## Refused",
        _refused(results),
        "## Each pipeline",
        _each(results),
    ]
    return "\n\n".join(parts) + "\n"


def _groups(results: Sequence[Result]) -> str:
    lines = [f"| table | pipelines | {' | '.join(OUTCOMES)} |", f"|{' --- |' * (len(OUTCOMES) + 2)}"]
    for group in dict.fromkeys(result.group for result in results):
        counts = Counter(result.outcome for result in results if result.group == group)
        lines.append(f"| {group} | {counts.total():,} | {' | '.join(str(counts[outcome]) for outcome in OUTCOMES)} |")
    return "\n".join(lines)


def _faults(results: Sequence[Result]) -> str:
    found = [result for result in results if result.outcome in ("LIE", "not proven", "raw error")]
    if not found:
        return "None."
    lines = ["| pipeline | outcome | what |", "| --- | --- | --- |"]
    lines += [f"| {_cell(result.name)} | {result.outcome} | {_cell(fault_words(result))} |" for result in found]
    return "\n".join(lines)


def fault_words(result: Result) -> str:
    """Return what is wrong with a pipeline, in words, with the first wrong row."""
    judgement = result.judgement
    if judgement is None:
        return result.words[:300]
    words = f"{judgement.wrong} wrong of {judgement.asked_again} asked again, {judgement.differing:,} of {judgement.rows:,} differ"
    if judgement.raises:
        words += f"; {judgement.raises:,} answered though scikit-learn raises"
    for finding in judgement.findings[:1]:
        words += f"; e.g. {finding.kind} ({finding.rows} row) {finding.row}: {finding.expected} against {finding.got}"
    return words


def _refused(results: Sequence[Result]) -> str:
    found = [result for result in results if result.outcome == "refused"]
    if not found:
        return "None."
    lines = ["| pipeline | why |", "| --- | --- |"]
    lines += [f"| {_cell(result.name)} | {_cell(result.words[:260])} |" for result in found]
    return "\n".join(lines)


def _each(results: Sequence[Result]) -> str:
    head = ("pipeline", "outcome", "rows", "worst", "differ", "undecided", "knife edges", "boundaries")
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for result in results:
        one = result.judgement
        cells = [_cell(result.name), result.outcome]
        if one is None:
            cells += ["–"] * 6
        else:
            cells += [f"{one.rows:,}", f"{one.worst:.1e}", f"{one.differing:,}"]
            cells += [f"{one.undecided:,}", f"{one.knife_edges:,}", f"{one.boundaries:,}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
