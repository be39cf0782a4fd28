"""The requests for a fleet: models by Zipf's law, each with rows of its own, and the exact beginning of each answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.fleet.bundles import VERSION, model_name
from benchmarks.loadgen.requests import Requests, http_requests
from runners.session import OnnxSession
from serving.model import ServedModel
from serving.settings import ServingSettings
from tabento.bundle.store import read_bundle

EXPONENT = 1.0
"""The exponent of Zipf's law: of 1,000 models the first gets 13% of the requests, the first ten 39%."""
REQUESTS = 20_000
SEED = 31


@dataclass(frozen=True)
class ModelRows:
    """The rows of one model, and its answers."""

    bodies: tuple[bytes, ...]
    answers: tuple[bytes, ...]
    """The answers up to the request id."""


def read_rows(folder: Path, number: int) -> ModelRows:
    """Return the example rows of a model of the fleet, with the answers that the service must give."""
    name = model_name(number)
    bundle = read_bundle(folder / "models" / name / VERSION, f"{name}:{VERSION}")
    served = ServedModel(bundle, ServingSettings.model_construct(), quick=True)
    session = OnnxSession(bundle.model_path, len(bundle.contract.features), width=served.answer_width)
    bodies = tuple(json.dumps(row, separators=(",", ":")).encode() for row in bundle.examples)
    answers = []
    for body in bodies:
        rows = served.decode(body, False)
        encoded = served.encoder.encode(session.run_bytes(rows.data, 1), True, b"-", rows.data)
        answers.append(encoded[: encoded.index(b'"request_id"')])
    return ModelRows(bodies, tuple(answers))


def zipf_shares(count: int, exponent: float = EXPONENT) -> NDArray[np.float64]:
    """Return the share of the requests of each model, shape (count,): in proportion to 1 / rank^exponent (G. K. Zipf, 1949)."""
    weights = np.arange(1.0, count + 1) ** -exponent
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def zipf_requests(rows: Sequence[ModelRows], count: int = REQUESTS, exponent: float = EXPONENT) -> Requests:
    """Return requests for the models of a fleet by Zipf's law."""
    random = np.random.default_rng(SEED)
    numbers = random.choice(len(rows), count, p=zipf_shares(len(rows), exponent))
    return _requests(rows, [int(number) for number in numbers], random)


def requests_of_one(rows: Sequence[ModelRows], number: int, count: int = REQUESTS) -> Requests:
    """Return requests for one model, by its name."""
    return _requests(rows, [number] * count, np.random.default_rng(SEED))


def requests_of_each(rows: Sequence[ModelRows]) -> Requests:
    """Return one request for each model."""
    return _requests(rows, list(range(len(rows))), np.random.default_rng(SEED))


def _requests(rows: Sequence[ModelRows], numbers: Sequence[int], random: np.random.Generator) -> Requests:
    payloads: list[bytes] = []
    expected: list[bytes] = []
    for number in numbers:
        choice = int(random.integers(len(rows[number].bodies)))
        path = f"/models/{model_name(number)}/predict"
        request = http_requests([rows[number].bodies[choice]], path=path)
        payloads += request.payloads
        expected.append(rows[number].answers[choice])
    return Requests(tuple(payloads), tuple(expected))
