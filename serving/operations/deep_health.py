"""The deep check behind ``GET /health/deep``: all checks at once, and predictions of examples through the real batchers.

An example of the default model, of its challenger and of each pinned model is predicted. Only the default model is critical.

It cannot be used for load: one deep check runs at a time, further requests wait for it, and its result is used for a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from math import isclose
from time import perf_counter
from typing import Any

from runners.errors import ExpiredError, QueueFullError
from runners.work import Values, Work
from serving.live_model import LiveModel
from serving.operations.health import ComponentReport, HealthRegistry, Status
from serving.operations.health_monitor import run_check
from serving.state import ServiceState
from tabento.bundle.numbers import number_text

REUSE_S = 1.0
"""The seconds for which a result is used again."""
EXAMPLE_TIMEOUT_S = 2.0
"""The time limit of the example's prediction."""
MAX_EXAMPLES = 50
"""The largest number of models whose examples are predicted besides the default model's."""
TOLERANCE = 1e-9
"""The relative difference up to which two answers to the example are equal: sums of one row alone and in a batch may be rounded
differently."""


class ExampleRequest:
    """A request for the prediction of an example; a ``runners.work.Requester``.

    Args:
        answer: receives the values.
    """

    def __init__(self, answer: asyncio.Future[Values]) -> None:
        self._answer = answer

    def finish(self, values: Values | None, error: Exception | None) -> None:
        """Pass the values or the error on."""
        if self._answer.done():
            return
        if values is None:
            self._answer.set_exception(error or RuntimeError("the model gave no answer"))
        else:
            self._answer.set_result(values)

    def is_abandoned(self) -> bool:
        """Return whether the deep check has given up."""
        return self._answer.done()


async def check_example(model: LiveModel) -> ComponentReport:
    """Predict the first example of the bundle through the batcher, and compare the answer with the answer at the start."""
    started_s = perf_counter()
    answer: asyncio.Future[Values] = model.new_future()
    work = Work(
        model.served.example_row, 1, started_s, started_s + EXAMPLE_TIMEOUT_S, ExampleRequest(answer), strict=True
    )
    # Not through ``model.submit``: a cached answer would prove nothing.
    model.batcher.submit(work)
    try:
        async with asyncio.timeout(EXAMPLE_TIMEOUT_S):
            (value,) = await answer
    except TimeoutError:
        return ComponentReport("unhealthy", f"the example was not answered within {number_text(EXAMPLE_TIMEOUT_S)} s")
    except (QueueFullError, ExpiredError):
        return ComponentReport("degraded", "the example was refused, because too many rows wait for the model")
    except Exception as error:
        return ComponentReport("unhealthy", f"the example could not be answered ({type(error).__name__})")
    if not is_equal(value, model.served.example_answer):
        return ComponentReport("unhealthy", "the model answers the example otherwise than when it was loaded")
    return ComponentReport("healthy", "the example is answered as when the model was loaded")


def is_equal(answer: Any, expected: Any) -> bool:
    """Return whether two answers to a row, each a float or a list of floats, are equal within ``TOLERANCE``."""
    pairs = zip(
        answer if isinstance(answer, list) else [answer],
        expected if isinstance(expected, list) else [expected],
        strict=True,
    )
    return all(isclose(left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE) for left, right in pairs)


class DeepHealth:
    """Runs deep checks.

    Args:
        state: knows the models.
        health: the components.
        clock: seconds that never go backwards.
        pinned: the names or tags of further models whose examples are predicted, if they are loaded.
    """

    def __init__(
        self,
        state: ServiceState,
        health: HealthRegistry,
        clock: Callable[[], float] = time.monotonic,
        pinned: Iterable[str] = (),
    ) -> None:
        self._state = state
        self._health = health
        self._clock = clock
        self._pinned = list(dict.fromkeys(tag.partition(":")[0] for tag in pinned))
        self._running: asyncio.Task[dict[str, Any]] | None = None
        self._result: dict[str, Any] | None = None
        self._ended_s = 0.0
        self.runs = 0
        """The number of deep checks that ran."""

    async def report(self) -> dict[str, Any]:
        """Return the answer to ``GET /health/deep``."""
        if self._result is not None and self._clock() - self._ended_s < REUSE_S:
            return self._result
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())
            self._running.add_done_callback(self._end)
        # One client that leaves does not end the check of the others.
        return await asyncio.shield(self._running)

    def _end(self, task: asyncio.Task[dict[str, Any]]) -> None:
        self._running = None

    async def _run(self) -> dict[str, Any]:
        self.runs += 1
        default = self._state.model
        components = self._health.components()
        examples = {"prediction": _no_model() if default is None else check_example(default)}
        examples |= {f"prediction of {model.bundle.tag}": check_example(model) for model in self._further_models()}
        reports = await asyncio.gather(
            *(_measure_check(check) for check in examples.values()),
            *(_measure_check(run_check(component)) for component in components),
        )
        checks = reports[len(examples) :]
        descriptions: dict[str, dict[str, object]] = {
            component.name: {**component.describe(), "duration_ms": duration_ms}
            for component, (_, duration_ms) in zip(components, checks, strict=True)
        }
        states: list[Status] = [self._health.status()]
        for name, (example, duration_ms) in zip(examples, reports, strict=False):
            is_critical = name == "prediction"
            descriptions[name] = {
                "status": example.status,
                "critical": is_critical,
                "message": example.message,
                "age_s": 0.0,
                "duration_ms": duration_ms,
            }
            states.append("degraded" if example.status == "unhealthy" and not is_critical else example.status)
        status = "unhealthy" if "unhealthy" in states else "degraded" if "degraded" in states else "healthy"
        self._result = {
            "status": status,
            "model": None if default is None else {"name": default.bundle.name, "version": default.bundle.version},
            "components": descriptions,
        }
        self._ended_s = self._clock()
        return self._result

    def _further_models(self) -> list[LiveModel]:
        """Return the loaded models whose examples are predicted besides the default model's."""
        state = self._state
        names = [name for name in dict.fromkeys([state.default, *self._pinned]) if name is not None]
        challengers = [state.challengers[name] for name in names if name in state.challengers]
        champions = [state.models[name] for name in names if name in state.models and name != state.default]
        return [*challengers, *champions][:MAX_EXAMPLES]


async def _no_model() -> ComponentReport:
    return ComponentReport("unhealthy", "no model is loaded")


async def _measure_check(check: Coroutine[Any, Any, ComponentReport]) -> tuple[ComponentReport, float]:
    """Return the result of a check and its duration in milliseconds."""
    started_s = perf_counter()
    report = await check
    return report, round((perf_counter() - started_s) * 1000, 3)
