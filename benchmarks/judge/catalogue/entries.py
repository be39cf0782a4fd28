"""All entries of the catalogue by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from benchmarks.judge.catalogue.contracts import contracts
from benchmarks.judge.catalogue.counts_and_texts import rentals, texts
from benchmarks.judge.catalogue.health import costs, hearts, patients
from benchmarks.judge.catalogue.houses import houses
from benchmarks.judge.catalogue.incomes import incomes
from benchmarks.judge.catalogue.loans import loans
from benchmarks.judge.catalogue.measures import birds, kinds, wines
from benchmarks.judge.catalogue.passengers import passengers
from benchmarks.judge.catalogue.payments import payments
from benchmarks.judge.catalogue.zoo_members import zoo_members
from benchmarks.judge.entry import Entry
from benchmarks.process import BenchmarkError


@cache
def entries() -> dict[str, Entry]:
    """Return all entries by name: the zoo's members first.

    Raises:
        BenchmarkError: a name appears twice.
    """
    all_entries = [*zoo_members(), *_notebooks()]
    by_name = {entry.name: entry for entry in all_entries}
    if len(by_name) < len(all_entries):
        repeated_names = sorted(
            {entry.name for entry in all_entries if sum(other.name == entry.name for other in all_entries) > 1}
        )
        raise BenchmarkError(f"entries of the catalogue have the same name: {repeated_names}")
    return by_name


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


def select_names(words: Sequence[str]) -> list[str]:
    """Return the names of the entries whose group or name matches a word; all names if there are no words.

    Raises:
        BenchmarkError: a word matches no entry.
    """
    known_entries = entries()
    selected = [
        name
        for name, entry in known_entries.items()
        if not words or any(word == entry.group or word.lower() in name.lower() for word in words)
    ]
    for word in words:
        if not any(word == entry.group or word.lower() in name.lower() for name, entry in known_entries.items()):
            groups = ", ".join(dict.fromkeys(entry.group for entry in known_entries.values()))
            raise BenchmarkError(f"no entry matches {word!r}: give a group ({groups}) or a part of an entry's name")
    return selected
