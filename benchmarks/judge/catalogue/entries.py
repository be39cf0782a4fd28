"""All entries of the catalogue by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from benchmarks.judge.catalogue.counts_and_texts import rentals, texts
from benchmarks.judge.catalogue.health import costs, hearts, patients
from benchmarks.judge.catalogue.houses import houses
from benchmarks.judge.catalogue.measures import birds, kinds, wines
from benchmarks.judge.catalogue.passengers import passengers
from benchmarks.judge.catalogue.people import contracts, incomes, loans, payments
from benchmarks.judge.catalogue.zoo_members import zoo_members
from benchmarks.judge.entry import Entry
from benchmarks.process import BenchmarkError


@cache
def entries() -> dict[str, Entry]:
    """Return all entries by name: the zoo's members first.

    Raises:
        BenchmarkError: a name appears twice.
    """
    made = [*zoo_members(), *_notebooks()]
    known = {entry.name: entry for entry in made}
    if len(known) < len(made):
        twice = sorted({entry.name for entry in made if sum(other.name == entry.name for other in made) > 1})
        raise BenchmarkError(f"entries of the catalogue have the same name: {twice}")
    return known


def _notebooks() -> list[Entry]:
    return [
        *passengers(),
        *houses(),
        *incomes(),
        *loans(),
        *payments(),
        *contracts(),
        *wines(),
        *kinds(),
        *birds(),
        *costs(),
        *patients(),
        *hearts(),
        *rentals(),
        *texts(),
    ]


def chosen(words: Sequence[str]) -> list[str]:
    """Return the names of the entries of a group, and of those with a word in their name; all if no word is given.

    Raises:
        BenchmarkError: a word fits no entry.
    """
    known = entries()
    taken = [
        name
        for name, entry in known.items()
        if not words or any(word == entry.group or word.lower() in name.lower() for word in words)
    ]
    for word in words:
        if not any(word == entry.group or word.lower() in name.lower() for name, entry in known.items()):
            groups = ", ".join(dict.fromkeys(entry.group for entry in known.values()))
            raise BenchmarkError(f"no entry fits {word!r}: give a group ({groups}) or a part of an entry's name")
    return taken
