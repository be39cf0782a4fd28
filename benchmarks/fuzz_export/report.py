"""The document of a run: the number of compositions by outcome, the refusals with reasons, and examples."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from benchmarks.fuzz_export.outcome import MEANINGS, Outcome, Result

EXAMPLES = 30
"""The maximum number of lines of a table."""
WORDS = 220


def summary(results: Sequence[Result]) -> str:
    """Return the outcomes in a line, with the number of draws that could not be fitted."""
    counts = Counter(result.outcome for result in results)
    redraws = sum(result.redraws for result in results)
    return (
        f"{len(results):,} compositions: "
        + ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in MEANINGS)
        + f". {redraws:,} draws that scikit-learn could not fit were drawn again."
    )


def document(results: Sequence[Result], seed: int) -> str:
    """Return the document in Markdown."""
    counts = Counter(result.outcome for result in results)
    parts = [
        "# The fuzzer: random compositions through the import",
        "Written by `make fuzz-export`; the code is in `benchmarks/fuzz_export`. Each composition is a small random table"
        " (60 to 150 rows; columns of many kinds, any kind of target), and a random pipeline on it: column groups, steps,"
        " an estimator or an estimator of estimators, with usual and unusual parameters, of the classes that convert and"
        " sometimes of any class that scikit-learn has. It is fitted, pickled and imported with a CSV sample as"
        " [import.md](import.md) describes, with a proof of about 300 rows. A composition that scikit-learn itself cannot fit is drawn again.",
        f"Seed {seed}. `python -m benchmarks.fuzz_export --seed {seed} --only NUMBER` shows one composition.",
        summary(results),
        "| outcome | compositions | share | meaning |\n| --- | --- | --- | --- |\n"
        + "\n".join(
            f"| {outcome} | {counts[outcome]:,} | {counts[outcome] / max(len(results), 1):.1%} | {meaning} |"
            for outcome, meaning in MEANINGS.items()
        ),
    ]
    for outcome, title in (("RAW", "Errors of another kind"), ("not proven", "Exported and not proven")):
        parts += [f"## {title}", _fault_table([result for result in results if result.outcome == outcome])]
    parts += [
        "## Refused, by class and reason",
        _reason_table(results, "refused"),
        "## Refused by the import",
        _reason_table(results, "told"),
        "## Classes in proven pipelines",
        _proven_classes(results),
    ]
    return "\n\n".join(parts) + "\n"


def reason(words: str) -> str:
    """Return a message without the details of one pipeline: names, numbers, lists."""
    plain = words.partition("exactly: ")[2] or words
    plain = plain.partition(". Nearest that can")[0]
    plain = re.sub(r"\[[^\]]*\]", "[…]", plain)
    plain = re.sub(r"'[^']*'", "'…'", plain)
    plain = re.sub(r"\d[\d,.e+-]*", "N", plain)
    return plain[:WORDS]


def step_class(step: str) -> str:
    """Return the class at the end of a step's path: the name without its number."""
    return re.sub(r"\d+$", "", re.split(r"[/.]", step.partition(", ")[0])[-1])


def _reason_table(results: Iterable[Result], outcome: Outcome) -> str:
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for result in results:
        if result.outcome == outcome:
            groups[step_class(result.step), reason(result.words)].append(result.number)
    if not groups:
        return "None."
    ranked = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    lines = [
        f"| {step} | {_cell(words)} | {len(numbers)} | {', '.join(map(str, numbers[:3]))} |"
        for (step, words), numbers in ranked[: 2 * EXAMPLES]
    ]
    return "| step | reason | compositions | for example |\n| --- | --- | --- | --- |\n" + "\n".join(lines)


def _fault_table(results: Sequence[Result]) -> str:
    if not results:
        return "None."
    lines = [
        f"| {result.number} | {_cell(result.step or result.place)} | {_cell(result.words[:WORDS])} | `{_cell(result.pipeline[:400])}` |"
        for result in results[:EXAMPLES]
    ]
    head = f"{len(results):,}" + (f", the first {EXAMPLES} of them:" if len(results) > EXAMPLES else ":")
    return f"{head}\n\n| number | step | words | pipeline |\n| --- | --- | --- | --- |\n" + "\n".join(lines)


def _proven_classes(results: Iterable[Result]) -> str:
    counts = Counter(name for result in results if result.outcome == "proven" for name in result.classes)
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "None."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'").replace("\n", " ")
