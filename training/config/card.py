"""A config's notes for the cards: facts that a run cannot find out by itself."""

from __future__ import annotations

from tabento.bundle.contract import Strict


class CardNotes(Strict):
    """Notes of the authors about a model and its data. Markdown is allowed; each entry is one sentence or two."""

    intended_use: tuple[str, ...] = ()
    """Who may use the answers, and for what."""
    out_of_scope: tuple[str, ...] = ()
    """Uses that the model is not meant for, with the reason."""
    ethics: tuple[str, ...] = ()
    """Who may be harmed, by what, and what was done about it."""
    limits: tuple[str, ...] = ()
    """Known weaknesses that the metrics of a run do not show."""
    sensitive: dict[str, str] = {}
    """Columns that hold or reveal a protected trait, each with a sentence; dropped columns are listed too."""
    motivation: str = ""
    """Why the data was collected, and by whom."""
    collection: str = ""
    """How and when the data was collected, and what a row is."""
    known_problems: tuple[str, ...] = ()
    """Errors of the data: capped values, old prices, altered copies."""
