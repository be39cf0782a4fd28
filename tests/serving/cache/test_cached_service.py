"""A real service with the cache gives the same answers, byte for byte, as one without, for every body and on both connections."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.application import Application
from serving.settings import ServingSettings
from tabento.bundle.contract import Contract
from tests.bundles import TREE, classifier_contract, orchard_contract, tagged_contract
from tests.serving.codec.strategies import almost_right_bodies
from tests.serving.fastpath.raw_client import RawClient, application_of, plain_request, serving

OFF = ServingSettings(slo_p99_ms=60_000)
ON = OFF.model_copy(update={"cache_bytes": 1 << 20})
CONTRACTS = (orchard_contract(), tagged_contract(), classifier_contract())


@pytest.fixture(scope="module", params=CONTRACTS, ids=lambda contract: contract.name)
def contract(request: pytest.FixtureRequest) -> Contract:
    """A regression, one with identifiers, and a classification with probabilities."""
    contract: Contract = request.param
    return contract


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Iterator[tuple[RawClient, RawClient]]:
    """Connections to two services of a contract: one without the cache, one with it."""
    without = application_of(tmp_path_factory.mktemp("off"), OFF, contract)
    cached = application_of(tmp_path_factory.mktemp("on"), ON, contract)
    with (
        serving(without) as first,
        serving(cached) as second,
        RawClient(first) as without_client,
        RawClient(second) as cached_client,
    ):
        yield without_client, cached_client


@pytest.fixture
def cached_application(tmp_path: Path) -> Application:
    """An application of the orchard's bundle with a cache."""
    return application_of(tmp_path, ON)


def _answer(client: RawClient, body: bytes, headers: str = "") -> tuple[bytes, str | None]:
    """Return an answer without its date and ``x-cache``, and the value of ``x-cache``."""
    client.send(plain_request(body, headers, name="same"))
    answer_bytes = client.answer()
    if answer_bytes.startswith(b"HTTP/1.1 100"):
        answer_bytes = answer_bytes.partition(b"\r\n\r\n")[2]
    match = re.search(rb"x-cache: (\w+)\r\n", answer_bytes)
    answer_bytes = re.sub(rb"(date|x-cache): [^\r]*\r\n", b"", answer_bytes)
    return answer_bytes, match and match[1].decode()


def _bodies(contract: Contract) -> st.SearchStrategy[bytes]:
    """Return bodies of valid rows, many of them equal, and bodies that are almost right."""
    row = contract.with_identifiers(TREE)
    rows = st.builds(
        lambda age, slope, pruned: {**row, "age": age, "slope": slope, "pruned": pruned},
        st.integers(1, 3),
        st.sampled_from([None, 0.0, -0.0, 1.5]),
        st.booleans(),
    )
    batches = st.lists(rows, min_size=1, max_size=6).map(lambda items: {"instances": items})
    return st.one_of(
        st.one_of(rows, batches).map(lambda body: json.dumps(body).encode()), almost_right_bodies(contract)
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_answers_are_equal_with_and_without_the_cache(
    data: st.DataObject, clients: tuple[RawClient, RawClient], contract: Contract
) -> None:
    """Status, headers and body are equal on a miss, a partial hit and a hit; only answers with predictions have ``x-cache``."""
    without, cached = clients
    body = data.draw(_bodies(contract))
    expected, line = _answer(without, body)
    assert line is None
    first, _ = _answer(cached, body)
    assert first == expected
    second_answer, line = _answer(cached, body)
    assert second_answer == expected
    assert line == ("hit" if expected.startswith(b"HTTP/1.1 200") else None)


def test_both_connections_use_one_cache(cached_application: Application) -> None:
    """An answer that was computed on the fast path is used through ASGI and by a batch; metrics count the rows."""
    other = {**TREE, "age": 50}
    batch = json.dumps({"instances": [TREE, other, TREE]}).encode()
    body = json.dumps(TREE).encode()
    with serving(cached_application) as address, RawClient(address) as client, httpx.Client(base_url=address) as cold:
        lines = [
            _answer(client, body)[1],
            _answer(client, body)[1],
            _answer(client, batch)[1],
            _answer(client, batch)[1],
        ]
        response = cold.post("/predict/batch/", content=batch, headers={"content-type": "application/json"})
        metrics = cold.get("/metrics").text
    assert lines == ["miss", "hit", "partial", "hit"]
    assert response.headers["x-cache"] == "hit"
    assert 'tabento_cache_rows_total{result="hit"} 9.0' in metrics
    assert 'tabento_cache_rows_total{result="miss"} 2.0' in metrics
    assert "tabento_cache_entries 2.0" in metrics
    assert re.search(r"tabento_cache_bytes [1-9]\d+", metrics)


def test_another_version_answers_by_itself(tmp_path: Path) -> None:
    """A model of another version that uses the same cache computes its own answers, and its answer has its version."""
    from serving.cache.answer_cache import AnswerCache

    cache = AnswerCache(1 << 20, 60.0)
    body = json.dumps(TREE).encode()
    versions: list[Any] = []
    for name, changes in (("first", {}), ("second", {"description": "Another version."})):
        contract = Contract.model_validate({**orchard_contract().model_dump(), **changes})
        application = application_of(tmp_path / name, ON, contract)
        application.cache = cache
        with serving(application) as address, RawClient(address) as client:
            versions.append([_answer(client, body)[1] for _ in range(2)])
    assert versions == [["miss", "hit"], ["miss", "hit"]]
    assert (cache.hits, cache.misses, len(cache)) == (2, 2, 2)


def test_old_answers_are_computed_again(tmp_path: Path) -> None:
    """With an age limit that passes at once, every request is a miss, and the removed answers are counted."""
    application = application_of(tmp_path, ON.model_copy(update={"cache_age_s": 1e-9}))
    with serving(application) as address, RawClient(address) as client:
        assert [_answer(client, json.dumps(TREE).encode())[1] for _ in range(3)] == ["miss"] * 3
    assert application.cache is not None
    assert application.cache.evictions["age"] == 2


def test_the_cache_is_off_by_default(tmp_path: Path) -> None:
    """Without ``cache_bytes`` requests go to the batcher itself, so the cache costs nothing."""
    application = application_of(tmp_path, OFF)
    with serving(application) as address, RawClient(address) as client:
        assert _answer(client, json.dumps(TREE).encode())[1] is None
        model = application.state.model
        assert model is not None
        assert model.submit == model.batcher.submit
    assert application.cache is None
