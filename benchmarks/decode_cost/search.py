"""A genetic search for the most expensive bodies: of each size, a population that breeds from its worst bodies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from benchmarks.decode_cost.grammar import Genome, cross, mutate, random_genome

POPULATION = 24
FRESH_SHARE = 0.15
"""The share of bodies that are generated at random rather than bred, so that the search does not settle too early."""

Score = Callable[[Genome], float]


@dataclass(frozen=True)
class ScoredGenome:
    """A genome and the cost of its body, in the unit of the search."""

    score: float
    genome: Genome


def search(score: Score, size: int, evaluations: int, rng: Random) -> list[ScoredGenome]:
    """Return the most expensive genomes that were found, the worst first.

    Args:
        score: returns the cost of a genome's body.
        size: the approximate size of the bodies in bytes.
        evaluations: the number of genomes to score; each is scored once.
        rng: the source of chance.
    """
    population: list[ScoredGenome] = []
    scored_genomes: set[Genome] = set()
    while len(scored_genomes) < evaluations:
        if len(population) < POPULATION or rng.random() < FRESH_SHARE:
            genome = random_genome(rng, size)
        else:
            # A tournament of three prefers expensive parents but leaves the others a chance.
            first, second = (max(rng.sample(population, 3), key=_score).genome for _ in range(2))
            genome = mutate(cross(first, second, rng) if rng.random() < 0.4 else first, rng)
        if genome in scored_genomes:
            continue
        scored_genomes.add(genome)
        population.append(ScoredGenome(score(genome), genome))
        population.sort(key=_score, reverse=True)
        del population[POPULATION:]
    return population


def _score(scored: ScoredGenome) -> float:
    return scored.score
