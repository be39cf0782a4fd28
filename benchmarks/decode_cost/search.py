"""A genetic search for the bodies that cost most: of each size, a population that breeds from its worst bodies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from benchmarks.decode_cost.grammar import Genome, cross, mutate, random_genome

POPULATION = 24
FRESH_SHARE = 0.15
"""How many of the bodies are made anew rather than bred, so that the search does not settle too early."""

Score = Callable[[Genome], float]


@dataclass(frozen=True)
class Scored:
    """A genome and what its body costs, in the unit of the search."""

    score: float
    genome: Genome


def search(score: Score, size: int, evaluations: int, rng: Random) -> list[Scored]:
    """Return the most expensive genomes that were found, the worst first.

    Args:
        score: returns what the body of a genome costs.
        size: about how many bytes the bodies have.
        evaluations: how many genomes are scored; each is scored once.
        rng: the source of chance.
    """
    population: list[Scored] = []
    seen: set[Genome] = set()
    while len(seen) < evaluations:
        if len(population) < POPULATION or rng.random() < FRESH_SHARE:
            genome = random_genome(rng, size)
        else:
            # A tournament of three prefers expensive parents but leaves the others a chance.
            one, other = (max(rng.sample(population, 3), key=_score).genome for _ in range(2))
            genome = mutate(cross(one, other, rng) if rng.random() < 0.4 else one, rng)
        if genome in seen:
            continue
        seen.add(genome)
        population.append(Scored(score(genome), genome))
        population.sort(key=_score, reverse=True)
        del population[POPULATION:]
    return population


def _score(scored: Scored) -> float:
    return scored.score
