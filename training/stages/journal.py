"""The journal: the outcomes of the stages of a run, stored in its workspace until they are recorded in MLflow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tabento.bundle.contract import Strict
from training.stages.outcome import Outcome

JOURNAL_FILE = "journal.json"


class Entry(Strict):
    """The outcome of one stage."""

    stage: str
    params: dict[str, Any]
    metrics: dict[str, float]


_ENTRIES = TypeAdapter(list[Entry])


def entry_of(stage: str, outcome: Outcome) -> Entry:
    """Return the outcome of a stage as an entry. Parameters of other types than JSON's become text."""
    params = json.loads(json.dumps(dict(outcome.params), default=str))
    return Entry(stage=stage, params=params, metrics=dict(outcome.metrics))


def read_journal(root: Path) -> list[Entry]:
    """Return the entries of a workspace in their order; empty without a journal.

    Raises:
        ValueError: the file is not a journal.
    """
    try:
        return _ENTRIES.validate_json((root / JOURNAL_FILE).read_bytes())
    except FileNotFoundError:
        return []


def write_journal(root: Path, entries: Sequence[Entry]) -> None:
    """Write the journal of a workspace. It replaces the old journal in one step."""
    fresh = root / f"{JOURNAL_FILE}.new"
    fresh.write_bytes(_ENTRIES.dump_json(list(entries), indent=2))
    fresh.replace(root / JOURNAL_FILE)
