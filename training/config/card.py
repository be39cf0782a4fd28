"""A config's notes for the cards: what no run can find out by itself."""

from __future__ import annotations

from bundle.contract import Strict


class CardNotes(Strict):
    """What people say about a model and its data; Markdown is allowed, each entry is one sentence or two."""

    intended_use: tuple[str, ...] = ()
    """Who may use the answers, and for what."""
    out_of_scope: tuple[str, ...] = ()
    """Uses for which the model was not made, with the reason."""
    ethics: tuple[str, ...] = ()
    """Who may be harmed, by what, and what was done about it."""
    limits: tuple[str, ...] = ()
    """Known weaknesses that the figures of a run do not show."""
    sensitive: dict[str, str] = {}
    """Columns that stand for, or give away, a protected trait, each with a sentence; dropped ones as well."""
    motivation: str = ""
    """Why the data was collected, and by whom."""
    collection: str = ""
    """How and when the data was collected, and what a row is."""
    known_problems: tuple[str, ...] = ()
    """What is wrong with the data: capped values, old prices, altered copies."""
