"""The search finds expensive bodies and scores each genome once."""

from __future__ import annotations

from random import Random

from benchmarks.decode_cost.grammar import Genome
from benchmarks.decode_cost.search import search


def _score(genome: Genome) -> float:
    """A cost that only certain genomes have: many genes with many repeats."""
    return sum(gene.repeats for gene in genome.genes) + 1_000 * (genome.ending == "garbage behind")


def test_breeding_finds_more_than_chance() -> None:
    """The worst genome of a search is worse than the worst of the same number of random genomes."""
    best = search(_score, 1_000, 2_000, Random(1))
    first = search(_score, 1_000, 24, Random(1))
    assert best[0].score > 2_000 > first[0].score
    assert [scored.score for scored in best] == sorted((scored.score for scored in best), reverse=True)


def test_each_genome_is_scored_once() -> None:
    """The search scores the requested number of genomes."""
    scored: list[Genome] = []

    def score(genome: Genome) -> float:
        scored.append(genome)
        return _score(genome)

    search(score, 1_000, 300, Random(2))
    assert len(scored) == len(set(scored)) == 300
