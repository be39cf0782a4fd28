"""The judge's document: a summary, wrong graphs, refusals with reasons, and a line for each pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.judge.common_steps import HOW_COUNTED, proven_line, table
from benchmarks.judge.judgement import OUTCOMES, Result
from benchmarks.judge.picture import draw_outcomes

MEANINGS = {
    "equal": "graph and scikit-learn give equal answers on every row on which scikit-learn's own answers are consistent",
    "knife edge": "equal except for rows whose decision is within 1e-9 of 0: there the last bit of a sum decides the label",
    "LIE": "proven and wrong: scikit-learn gives one answer, alone and in a dozen batches, and the graph gives another",
    "refused": "the import or the export refuses the pipeline, with the reason and the step",
    "not proven": "exported, and stopped by the proof: no bundle is stored",
    "raw error": "an error that is not Tabento's own: a bug",
    "skipped": "a library is not installed, or the pipeline could not be fitted",
}


def summary(results: Sequence[Result]) -> str:
    """Return the numbers of pipelines and rows by outcome, in lines."""
    counts = Counter(result.outcome for result in results)
    judgements = [result.judgement for result in results if result.judgement is not None]
    lines = [f"{len(results):,} pipelines: " + ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in OUTCOMES)]
    lines.append(
        f"{sum(judgement.rows for judgement in judgements):,} rows compared, {sum(judgement.boundaries for judgement in judgements):,} boundaries found;"
        f" {sum(judgement.wrong for judgement in judgements):,} rows wrong, {sum(judgement.raises for judgement in judgements):,} answered though"
        f" scikit-learn raises, {sum(judgement.undecided for judgement in judgements):,} undecided,"
        f" {sum(judgement.knife_edges for judgement in judgements):,} knife edges"
    )
    lines.append(proven_line(results))
    return "\n".join(lines)


def document(results: Sequence[Result], picture: Path, total: int) -> str:
    """Return the document in Markdown, and write its picture.

    Args:
        results: the results of a run.
        picture: the path of the picture.
        total: the number of pipelines in the catalogue.
    """
    draw_outcomes(results, picture)
    counts = Counter(result.outcome for result in results)
    parts = [
        "# The judge: exported graphs against scikit-learn, from outside",
        "Written by `make judge`; the code is in `benchmarks/judge` and shares nothing with the proof of"
        " [export.md](export.md). Each pipeline is fitted, pickled, and imported with a CSV sample as"
        " [import.md](import.md) describes. Then scikit-learn and ONNX Runtime (in double, one thread) predict the same rows:"
        " plain rows; rows at the table's own resolution, recombined from observed values or moved by a few steps of a"
        " column's last decimal; rows on the boundaries of scikit-learn's answers, found by halving pairs of rows with"
        " different answers until they are neighbours in double; and the extremes of the contract, missing and unknown"
        " values among them. If two answers differ by more than 1e-9, or in the label, scikit-learn predicts the row"
        " again: alone, and in a dozen batches of other sizes, with other positions and other company rows.",
        f"![outcomes](images/{picture.name})",
        "## In short",
        f"{len(results):,} of the catalogue's {total:,} pipelines were judged.",
        summary(results).replace("\n", "\n\n"),
        "| outcome | pipelines | meaning |\n| --- | --- | --- |\n"
        + "\n".join(f"| {name} | {counts[name]:,} | {MEANINGS[name]} |" for name in OUTCOMES),
        "## By table",
        _groups(results),
        "## The fifty most used steps and estimators",
        f"{proven_line(results)}. A step is proven if a pipeline with this step is proven.",
        HOW_COUNTED,
        table(results),
        "## Wrong, not proven, errors",
        _faults(results),
        "## Refused",
        _refusals(results),
        "## Each pipeline",
        _result_table(results),
    ]
    return "\n\n".join(parts) + "\n"


def _groups(results: Sequence[Result]) -> str:
    lines = [f"| table | pipelines | {' | '.join(OUTCOMES)} |", f"|{' --- |' * (len(OUTCOMES) + 2)}"]
    for group in dict.fromkeys(result.group for result in results):
        counts = Counter(result.outcome for result in results if result.group == group)
        lines.append(f"| {group} | {counts.total():,} | {' | '.join(str(counts[outcome]) for outcome in OUTCOMES)} |")
    return "\n".join(lines)


def _faults(results: Sequence[Result]) -> str:
    faulty_results = [result for result in results if result.outcome in ("LIE", "not proven", "raw error")]
    if not faulty_results:
        return "None."
    lines = ["| pipeline | outcome | description |", "| --- | --- | --- |"]
    lines += [
        f"| {_cell(result.name)} | {result.outcome} | {_cell(fault_words(result))} |" for result in faulty_results
    ]
    return "\n".join(lines)


def fault_words(result: Result) -> str:
    """Return a pipeline's errors as text, with the first wrong row."""
    judgement = result.judgement
    if judgement is None:
        return result.words[:300]
    words = f"{judgement.wrong} wrong of {judgement.asked_again} asked again, {judgement.differing:,} of {judgement.rows:,} differ"
    if judgement.raises:
        words += f"; {judgement.raises:,} answered though scikit-learn raises"
    for finding in judgement.findings[:1]:
        words += f"; e.g. {finding.kind} ({finding.rows} row) {finding.row}: {finding.expected} against {finding.got}"
    return words


def _refusals(results: Sequence[Result]) -> str:
    refused_results = [result for result in results if result.outcome == "refused"]
    if not refused_results:
        return "None."
    lines = ["| pipeline | reason |", "| --- | --- |"]
    lines += [f"| {_cell(result.name)} | {_cell(result.words[:260])} |" for result in refused_results]
    return "\n".join(lines)


def _result_table(results: Sequence[Result]) -> str:
    head = ("pipeline", "outcome", "rows", "worst", "differ", "undecided", "knife edges", "boundaries")
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for result in results:
        judgement = result.judgement
        cells = [_cell(result.name), result.outcome]
        if judgement is None:
            cells += ["–"] * 6
        else:
            cells += [f"{judgement.rows:,}", f"{judgement.worst:.1e}", f"{judgement.differing:,}"]
            cells += [f"{judgement.undecided:,}", f"{judgement.knife_edges:,}", f"{judgement.boundaries:,}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
