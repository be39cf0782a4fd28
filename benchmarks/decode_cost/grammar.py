"""Bodies as genomes: the repeated pieces, the frame around them, and the ending. A genome can be mutated and crossed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from benchmarks.decode_cost.contracts import right_row
from tabento.bundle.contract import Contract

Row = dict[str, Any]
RowPiece = Callable[[Row, int], str]
MemberPiece = Callable[[str, int], str]

MAX_GENES = 5
MAX_REPEATS = 400
_FRAMES: dict[str, tuple[str, str, str]] = {
    # name: begin, end, and whether rows or members are between them
    "batch": ('{"instances": [', "]}", "rows"),
    "late batch": ('{"x": [[1]], "instances":\n[', '], "instances": [1]}', "rows"),
    "list": ("[", "]", "rows"),
    "single": ("{", "}", "members"),
    "nested in a field": ('{"r00": {', "}}", "members"),
    "nested rows": ('{"instances": [[', "]]}", "rows"),
}
_ENDINGS: dict[str, tuple[int, bytes]] = {
    # name: the number of bytes that are cut off, and the bytes that replace them
    "whole": (0, b""),
    "cut in the frame": (1, b""),
    "cut in a value": (5, b""),
    "garbage behind": (0, b" x"),
    "bad UTF-8 at the end": (3, b'\xff"}'),
    "blanks behind": (0, b" \n\t\r" * 64),
}


def _dump(row: Row) -> str:
    return json.dumps(row, separators=(",", ":"))


def _with_value(row: Row, number: int, text: str) -> str:
    """Return a row in which one field has the given text as its value."""
    keys = list(row)
    key = keys[number % len(keys)]
    return _dump({**row, key: "\0"}).replace('"\\u0000"', text)


def _with_last(row: Row, text: str) -> str:
    """Return a row whose last field, a category, has the given text as its value."""
    return _with_value(row, len(row) - 1, text)


def _required_only(row: Row) -> Row:
    return {key: value for index, (key, value) in enumerate(row.items()) if index % 2 or index >= 60}


_ROW_PIECES: dict[str, RowPiece] = {
    "right": lambda row, n: _dump(row),
    "spaced": lambda row, n: " \n" * (n % 50) + json.dumps(row, indent=1),
    "fields left out": lambda row, n: _dump(_required_only(row)),
    "other case": lambda row, n: _dump({k: v.title() if isinstance(v, str) else v for k, v in row.items()}),
    "swapped case": lambda row, n: _dump({k: v.swapcase() if isinstance(v, str) else v for k, v in row.items()}),
    "accents": lambda row, n: _with_last(row, '"ÉtÉ"'),
    "unknown category": lambda row, n: _with_last(row, f'"{"z" * (n % 40)}"'),
    "quoted category": lambda row, n: _with_last(row, '"a \\"' + "b" * (n % 30) + '\\""'),
    "brace in a category": lambda row, n: _with_last(row, '"}' + "]" * (n % 3) + '"'),
    "long category": lambda row, n: _with_last(row, '"' + "x" * (n * 50) + '"'),
    "escapes": lambda row, n: _with_last(row, '"' + "\\n" * (n * 10) + '"'),
    "unicode escapes": lambda row, n: _with_last(row, '"' + "\\ud83d\\ude00" * (n * 3) + '"'),
    "escaped keys": lambda row, n: _dump(row).replace("0", "\\u0030", n).replace("_", "\\u005f"),
    "large integer": lambda row, n: _with_value(row, n % 60, str(2**60)),
    "many digits": lambda row, n: _with_value(row, n, "1." + "3" * (n * 20)),
    "long integer": lambda row, n: _with_value(row, n, "9" * (n * 20 + 1)),
    "beyond float64": lambda row, n: _with_value(row, n, "1e999"),
    "NaN": lambda row, n: _with_value(row, n, "NaN"),
    "wrong type": lambda row, n: _with_value(row, n, '"x"'),
    "all wrong": lambda row, n: _dump({key: [] for key in row}),
    "null": lambda row, n: _with_value(row, n, "null"),
    "duplicate": lambda row, n: _dump(row)[:-1] + f',"{list(row)[n % len(row)]}":1}}',
    "missing": lambda row, n: _dump(dict(list(row.items())[1:])),
    "unknown key": lambda row, n: _dump({**row, "key" * (n + 1): 1}),
    "empty": lambda row, n: "{}",
    "scalar": lambda row, n: str(n),
    "text": lambda row, n: f'"{"t" * n}"',
    "array": lambda row, n: "[" + "1," * n + "1]",
    "nested": lambda row, n: _with_value(row, n, "[" * (n % 300) + "]" * (n % 300)),
    "nested objects": lambda row, n: _with_value(row, n, '{"a":' * (n % 300) + "1" + "}" * (n % 300)),
    "long nested": lambda row, n: _with_value(row, n, "[" + "{}," * (n * 20) + "0]"),
    "broken": lambda row, n: _dump(row)[:-2],
}
_MEMBER_PIECES: dict[str, MemberPiece] = {
    "unknown": lambda key, n: f'"u{n}":1',
    "short unknown": lambda key, n: '"":0',
    "known": lambda key, n: f'"{key}":1.5',
    "known text": lambda key, n: f'"{key}":"{"q" * n}"',
    "long text": lambda key, n: f'"{key}":"{"q" * (n * 500)}"',
    "escapes": lambda key, n: f'"{key}":"' + "\\t" * (n * 100) + '"',
    "unicode escapes": lambda key, n: f'"{key}":"' + "\\u00e9" * (n * 50) + '"',
    "accents": lambda key, n: f'"{key}":"' + "é" * (n * 100) + '"',
    "emoji": lambda key, n: f'"{key}":"' + "\U0001f600" * (n * 100) + '"',
    "long key": lambda key, n: f'"{"k" * (n * 20)}":null',
    "digits": lambda key, n: f'"{key}":' + "7" * (n * 200 + 1),
    "fraction": lambda key, n: f'"{key}":0.' + "1" * (n * 200 + 1),
    "exponent": lambda key, n: f'"{key}":1e{n * 9}',
    "array": lambda key, n: f'"{key}":[' + "0," * (n * 30) + "0]",
    "deep": lambda key, n: f'"{key}":' + "[" * n + "]" * n,
    "blank": lambda key, n: " \n" * (n * 50) + f'"{key}" : \t 1',
    "instances": lambda key, n: '"instances":' + ("[]" if n % 2 else "1"),
    "foreign": lambda key, n: '"dataframe_split":{"columns":["a"],"data":[[1]]}',
}


@dataclass(frozen=True)
class Gene:
    """A piece of a body that is repeated."""

    piece: int
    number: int
    """The variable part of the piece: a length, a depth, a field."""
    repeats: int


@dataclass(frozen=True)
class Genome:
    """A whole body."""

    frame: str
    ending: str
    genes: tuple[Gene, ...]
    size: int
    """The approximate size of the body in bytes."""


def write_body(genome: Genome, contract: Contract) -> bytes:
    """Return the body of a genome: at least one round of its genes, repeated up to the size."""
    begin, end, content = _FRAMES[genome.frame]
    row = right_row(contract)
    keys = list(row)
    pieces: list[str] = []
    for gene in genome.genes:
        if content == "rows":
            texts = [list(_ROW_PIECES.values())[gene.piece % len(_ROW_PIECES)](row, gene.number)]
        else:
            member = list(_MEMBER_PIECES.values())[gene.piece % len(_MEMBER_PIECES)]
            texts = [member(keys[(gene.number + number) % len(keys)], gene.number) for number in range(len(keys))]
        repeats = max(min(gene.repeats, genome.size // (len(texts[0]) + 1)), 1)
        pieces += [texts[number % len(texts)] for number in range(repeats)]
    one_round = ",".join(pieces)
    rounds = -(-genome.size // (len(one_round.encode()) + 1))
    body = (begin + ",".join([one_round] * rounds) + end).encode()
    n_cut, replacement = _ENDINGS[genome.ending]
    return body[: len(body) - n_cut] + replacement


def describe(genome: Genome) -> str:
    """Return a description of a genome."""
    pieces = _ROW_PIECES if _FRAMES[genome.frame][2] == "rows" else _MEMBER_PIECES
    names = [f"{gene.repeats} × {list(pieces)[gene.piece % len(pieces)]} ({gene.number})" for gene in genome.genes]
    return f"{genome.frame}, {genome.ending}: {'; '.join(names)}"


def random_gene(rng: Random) -> Gene:
    """Return any gene."""
    return Gene(
        rng.randrange(len(_ROW_PIECES) * len(_MEMBER_PIECES)),
        rng.choice((0, 1, 2, 5, 20, 100, 299)),
        min(int(rng.paretovariate(0.6)), MAX_REPEATS),
    )


def random_genome(rng: Random, size: int) -> Genome:
    """Return any genome of about a size in bytes."""
    genes = tuple(random_gene(rng) for _ in range(rng.randint(1, 3)))
    ending = "whole" if rng.random() < 0.5 else rng.choice(list(_ENDINGS))
    return Genome(rng.choice(list(_FRAMES)), ending, genes, size)


def mutate(genome: Genome, rng: Random) -> Genome:
    """Return a copy of a genome with one change."""
    genes = list(genome.genes)
    index = rng.randrange(len(genes))
    match rng.randrange(6):
        case 0:
            return replace(genome, frame=rng.choice(list(_FRAMES)))
        case 1:
            return replace(genome, ending=rng.choice(list(_ENDINGS)))
        case 2:
            genes[index] = random_gene(rng)
        case 3:
            genes[index] = replace(genes[index], repeats=rng.randint(1, MAX_REPEATS))
        case 4:
            genes[index] = replace(genes[index], number=rng.randint(0, 299))
        case _:
            if len(genes) < MAX_GENES and rng.random() < 0.6:
                genes.insert(index, random_gene(rng))
            elif len(genes) > 1:
                del genes[index]
    return replace(genome, genes=tuple(genes))


def cross(left: Genome, right: Genome, rng: Random) -> Genome:
    """Return a genome with the beginning of the left and the end of the right genome."""
    genes = left.genes[: rng.randint(1, len(left.genes))] + right.genes[rng.randrange(len(right.genes)) :]
    return replace(left, ending=right.ending, genes=genes[:MAX_GENES])
