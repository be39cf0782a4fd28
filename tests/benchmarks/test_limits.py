"""Tests of benchmarks.limits."""

from __future__ import annotations

import pytest

from benchmarks.limits import answerer
from benchmarks.loadgen.build import compiler
from benchmarks.loadgen.requests import http_requests
from benchmarks.loadgen.run import run_load
from benchmarks.loadgen.schedule import poisson
from benchmarks.process import BenchmarkError, get

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C compiler")


def test_the_server_in_c_answers_every_request() -> None:
    """Many parallel connections each get the same complete answer, and no request fails."""
    with answerer(core=None) as address:
        requests = http_requests([{"x": 1.0}], [b'{"prediction":1.0}'])
        result = run_load(address, poisson(2_000, 0.3, 7), requests, connections=32, core=None)
    summary = result.summary(1.0)
    assert summary["answered"] == {"200": len(result.scheduled_ns)}
    assert summary["failed"] == summary["wrong"] == 0


def test_the_server_in_c_ends_with_its_block() -> None:
    """After the block no process listens on its port."""
    with answerer(core=None) as address:
        assert get(address) is not None
    assert get(address) is None


def test_a_core_that_is_not_there_is_refused() -> None:
    """The error names the cores that may be used."""
    with pytest.raises(BenchmarkError, match="expected cores that this process may use"), answerer(core=100_000):
        pass
