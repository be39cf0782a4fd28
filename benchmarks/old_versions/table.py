"""The matrix of versions and members as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

IMPORTED, REFUSED_CELL, ABSENT = "yes", "refused", "–"


@dataclass(frozen=True)
class Outcome:
    """The outcome of the import of one member that one version has fitted."""

    version: str
    member: str
    kind: str
    """``joblib`` or ``skops``."""
    imported: bool
    """Whether the answers of pipeline and graph equal the answers of the version itself."""
    words: str
    """The comparison, or the reason of the refusal."""
    seconds: float


def markdown(outcomes: Sequence[Outcome]) -> str:
    """Return a table with a line for each member and a column for each version; notes list the reasons of refusals."""
    versions = sorted(
        {outcome.version for outcome in outcomes}, key=lambda text: [int(part) for part in text.split(".")]
    )
    notes: dict[str, int] = {}
    lines = [f"| pipeline | {' | '.join(versions)} |", f"|{' --- |' * (len(versions) + 1)}"]
    for member in dict.fromkeys(outcome.member for outcome in outcomes):
        cells = []
        for version in versions:
            member_outcomes = [
                outcome for outcome in outcomes if (outcome.version, outcome.member) == (version, member)
            ]
            cells.append(_cell(member_outcomes, notes))
        lines.append(f"| {member} | {' | '.join(cells)} |")
    lines += ["", *(f"{number}. {text}" for text, number in notes.items())] if notes else []
    return "\n".join(lines) + "\n"


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return one line with the number of imported members."""
    imported = sum(outcome.imported for outcome in outcomes)
    return f"{imported:,} of {len(outcomes):,} imported; the others are refused by name.\n"


def _cell(outcomes: Sequence[Outcome], notes: dict[str, int]) -> str:
    if not outcomes:
        return ABSENT
    refusals = [outcome for outcome in outcomes if not outcome.imported]
    if not refusals:
        return IMPORTED
    reason = " ".join(refusals[0].words.split())[:300].replace("|", "\\|")
    number = notes.setdefault(reason, len(notes) + 1)
    return (
        f"{REFUSED_CELL} ({number})"
        if len(refusals) == len(outcomes)
        else f"{refusals[0].kind}: {REFUSED_CELL} ({number})"
    )
