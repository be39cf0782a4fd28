"""The journal: what the stages of a run have told, kept in its workspace until it is recorded in MLflow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bundle.contract import Strict
from training.stages.outcome import Outcome

JOURNAL_FILE = "journal.json"


class Entry(Strict):
    """What one stage has told."""

    stage: str
    params: dict[str, Any]
    metrics: dict[str, float]


_ENTRIES = TypeAdapter(list[Entry])


def entry_of(stage: str, outcome: Outcome) -> Entry:
    """Return what a stage has told, as it is kept: parameters that JSON does not know become text."""
    params = json.loads(json.dumps(dict(outcome.params), default=str))
    return Entry(stage=stage, params=params, metrics=dict(outcome.metrics))


def read_journal(root: Path) -> list[Entry]:
    """Return the entries of a workspace in their order; none without a journal.

    Raises:
        ValueError: the file is no journal.
    """
    try:
        return _ENTRIES.validate_json((root / JOURNAL_FILE).read_bytes())
    except FileNotFoundError:
        return []


def write_journal(root: Path, entries: Sequence[Entry]) -> None:
    """Write the journal of a workspace; it takes the old one's place as a whole."""
    fresh = root / f"{JOURNAL_FILE}.new"
    fresh.write_bytes(_ENTRIES.dump_json(list(entries), indent=2))
    fresh.replace(root / JOURNAL_FILE)
