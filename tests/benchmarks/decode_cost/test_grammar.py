"""Genomes become bodies of about their size, the right ones and the wrong ones."""

from __future__ import annotations

from random import Random

import pytest

from benchmarks.decode_cost.contracts import MAX_ROWS, narrow_contract, right_row, wide_contract
from benchmarks.decode_cost.grammar import MAX_GENES, Gene, Genome, cross, describe, mutate, random_genome, write_body
from serving.codec.decode import Decoder
from serving.errors import ServingError
from tabento.bundle.contract import Contract

CONTRACTS = [narrow_contract(), wide_contract()]


def _outcome(contract: Contract, genome: Genome) -> str:
    try:
        return f"{Decoder(contract, MAX_ROWS).decode(write_body(genome, contract)).count} rows"
    except ServingError as error:
        return f"{error.status}: {error.message}"


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_a_genome_of_right_rows_is_right(contract: Contract) -> None:
    """As many rows as the size takes."""
    genome = Genome("batch", "whole", (Gene(0, 0, 3),), 10_000)
    body = write_body(genome, contract)
    assert 10_000 <= len(body) < 15_000
    assert _outcome(contract, genome).endswith(" rows")
    assert describe(genome) == "batch, whole: 3 × right (0)"


def test_bodies_are_wrong_in_many_ways() -> None:
    """Chance brings right bodies, bodies that are not JSON, and different faults of content."""
    rng = Random(1)
    outcomes = {_outcome(CONTRACTS[0], random_genome(rng, 3_000)) for _ in range(300)}
    assert any(outcome.endswith(" rows") for outcome in outcomes)
    for part in ("not JSON", "not UTF-8", "at least 101", "an array of", "it again", "missing"):
        assert any(part in outcome for outcome in outcomes), part


def test_genomes_of_one_seed_are_the_same() -> None:
    """A search can be repeated: mutation and crossing depend on the given source of chance only."""

    def line(seed: int) -> list[Genome]:
        rng = Random(seed)
        genomes = [random_genome(rng, 1_000) for _ in range(2)]
        for _ in range(200):
            genomes.append(mutate(cross(genomes[-1], genomes[-2], rng), rng))
        return genomes

    genomes = line(3)
    assert genomes == line(3) != line(4)
    assert all(1 <= len(genome.genes) <= MAX_GENES for genome in genomes)


def test_long_pieces_do_not_make_a_body_much_longer_than_asked() -> None:
    """Repeats are bounded by the size."""
    rng = Random(5)
    for _ in range(300):
        genome = random_genome(rng, 4_096)
        assert len(write_body(genome, CONTRACTS[1])) < 2_000_000


def test_a_right_row_has_each_field() -> None:
    """So that changing one of them makes exactly one fault."""
    for contract in CONTRACTS:
        assert tuple(right_row(contract)) == contract.feature_names
