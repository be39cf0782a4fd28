"""A runner is warmed up on valid rows and knows its costs before the first request."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from benchmarks.simulation.requester import CallbackRequester
from runners.clock import RunningLoop, ThreadOffload
from runners.errors import RunnerError
from runners.runner import WARM_UP_ROWS, Runner, RunnerOptions, warm_up
from runners.session import OnnxSession
from runners.work import Work
from tests.bundles import linear_model

ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])


@pytest.fixture
def session(tmp_path: Path) -> OnnxSession:
    """A session of a graph whose answer is x + 2y."""
    path = tmp_path / "model.onnx"
    path.write_bytes(linear_model(2).SerializeToString())
    return OnnxSession(path, features=2)


def test_every_bucket_is_known_after_warm_up(session: OnnxSession) -> None:
    """Larger batches were measured too, so that admission does not start with a guess."""
    costs = warm_up(session, ROWS.tobytes(), RunnerOptions(slo_s=0.01))
    predicted = [costs.predict(rows) for rows in WARM_UP_ROWS]
    assert all(seconds > 0 for seconds in predicted)


def test_a_graph_that_fails_on_the_examples_is_found_at_start(session: OnnxSession) -> None:
    """Rows of another width are an error before the service says that it is ready."""
    session.features = 1
    with pytest.raises(RunnerError, match="failed on 1 rows"):
        warm_up(session, ROWS.tobytes(), RunnerOptions(slo_s=0.01))


@pytest.mark.parametrize("inline_s", [0.001, 0.0])
def test_rows_are_answered_on_a_real_loop(session: OnnxSession, inline_s: float) -> None:
    """On the loop itself and in a thread alike: each request gets its own rows' answers."""
    options = RunnerOptions(slo_s=60.0, inline_s=inline_s, slice_rows=3)

    async def answer() -> list[list[float]]:
        loop = asyncio.get_running_loop()
        offload = ThreadOffload(loop)
        runner = Runner(session, RunningLoop(loop), offload, options, warm_up(session, ROWS.tobytes(), options))
        futures = []
        for count in (1, 7, 2):
            future: asyncio.Future[list[float]] = loop.create_future()
            rows = np.arange(2.0 * count).reshape(count, 2)
            now = perf_counter()

            def finish(
                values: list[float] | None, error: Exception | None, future: asyncio.Future[list[float]] = future
            ) -> None:
                assert error is None
                assert values is not None
                future.set_result(values)

            runner.batcher.submit(Work(rows.tobytes(), count, now, now + 60, CallbackRequester(finish)))
            futures.append(future)
        values = await asyncio.gather(*futures)
        offload.close()
        return values

    expected = [[x + 2 * y for x, y in np.arange(2.0 * count).reshape(count, 2)] for count in (1, 7, 2)]
    assert asyncio.run(answer()) == expected


def test_a_quick_warm_up_knows_small_batches(session: OnnxSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sizes are run three times each; the costs of larger batches are estimated from them."""
    sizes: list[int] = []
    run = session.run

    def counting_run(rows: np.ndarray) -> list[float]:
        sizes.append(len(rows))
        return run(rows)

    monkeypatch.setattr(session, "run", counting_run)
    costs = warm_up(session, ROWS.tobytes(), RunnerOptions(slo_s=0.01), quick=True)
    assert sizes == [1, 1, 1, 8, 8, 8, 64, 64, 64]
    assert costs.predict(1024) >= costs.predict(64) > 0


def test_a_thread_begins_with_its_first_function() -> None:
    """Most models of a fleet never need it; a closed offload starts nothing."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        before = threading.active_count()
        offload = ThreadOffload(loop)
        unused = ThreadOffload(loop)
        results: list[object] = []
        offload(lambda: 7, lambda result, error: results.append((result, error)))
        while not results:
            await asyncio.sleep(0)
        assert results == [(7, None)]
        assert threading.active_count() == before + 1
        offload.close()
        unused.close()
        with pytest.raises(RuntimeError, match="no longer live"):
            unused(lambda: 7, lambda _, __: None)

    asyncio.run(run())
