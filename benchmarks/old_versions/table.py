"""The matrix of versions and members as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

IMPORTED, REFUSED, ABSENT = "yes", "refused", "–"


@dataclass(frozen=True)
class Outcome:
    """What came of importing one member that one version has fitted."""

    version: str
    member: str
    kind: str
    """``joblib`` or ``skops``."""
    imported: bool
    """Whether pipeline and graph answer what the version itself answers."""
    words: str
    """The comparison, or why it was refused."""
    seconds: float


def markdown(outcomes: Sequence[Outcome]) -> str:
    """Return a table with a line for each member and a column for each version; notes say why one was refused."""
    versions = sorted({one.version for one in outcomes}, key=lambda text: [int(part) for part in text.split(".")])
    notes: dict[str, int] = {}
    lines = [f"| pipeline | {' | '.join(versions)} |", f"|{' --- |' * (len(versions) + 1)}"]
    for member in dict.fromkeys(one.member for one in outcomes):
        cells = []
        for version in versions:
            mine = [one for one in outcomes if (one.version, one.member) == (version, member)]
            cells.append(_cell(mine, notes))
        lines.append(f"| {member} | {' | '.join(cells)} |")
    lines += ["", *(f"{number}. {text}" for text, number in notes.items())] if notes else []
    return "\n".join(lines) + "\n"


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return in one line how many were imported."""
    imported = sum(one.imported for one in outcomes)
    return f"{imported:,} of {len(outcomes):,} imported; the others are refused by name.\n"


def _cell(outcomes: Sequence[Outcome], notes: dict[str, int]) -> str:
    if not outcomes:
        return ABSENT
    refused = [one for one in outcomes if not one.imported]
    if not refused:
        return IMPORTED
    reason = " ".join(refused[0].words.split())[:300].replace("|", "\\|")
    number = notes.setdefault(reason, len(notes) + 1)
    return f"{REFUSED} ({number})" if len(refused) == len(outcomes) else f"{refused[0].kind}: {REFUSED} ({number})"
