"""A model that answers on this process's event loop: decoder, runner and encoder, with the limits of a request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import cached_property
from time import perf_counter
from typing import Any, Literal, Protocol, TypeVar

from monitoring.records import FailureRecord
from runners.clock import RunningLoop, ThreadOffload
from runners.errors import DrainingError, ExpiredError, GoneError, InferenceError, QueueFullError
from runners.loop_budget import LoopBudget
from runners.work import Values, Work
from serving.cache.answer_cache import AnswerCache
from serving.cache.cached_batcher import CachedBatcher, RemoteAnswers
from serving.cache.packed_answers import seal_of
from serving.codec.encode import with_additions
from serving.codec.rows import Rows
from serving.codec.slices import SliceScheduler, SliceTime, Steps
from serving.errors import (
    ClientGoneError,
    DeadlineError,
    Detail,
    InternalError,
    InvalidError,
    ServingError,
    overload_error,
    stopping_error,
)
from serving.model import ServedModel
from serving.operations.accounting import RequestAccounting
from serving.operations.input_values import InputValues
from serving.operations.model_numbers import ModelNumbers
from serving.operations.monitoring import Monitoring
from serving.routes.openapi import build_openapi
from serving.routes.openapi_keys import add_security
from serving.settings import ServingSettings
from tabento.bundle.numbers import number_text

logger = logging.getLogger("tabento.serving")

T = TypeVar("T")
Variant = Literal["champion", "challenger"]

SINGLE_ROW_FACTOR = 1.5
"""A body of up to this many times the length of an example row is assumed to have one row."""


class Split(Protocol):
    """Chooses the version that answers a request; ``rollout.traffic.Split`` has the rules."""

    needs_rows: bool
    """Whether a field of the first row decides: then ``choose`` returns the champion, and ``choose_by_row`` decides."""

    def choose(self, head: bytes, key_id: str | None, client_address: str, request_id: bytes) -> LiveModel:
        """Return the version that answers a plain request.

        Args:
            head: the request line and the headers.
            key_id: the id of the caller's API key; None if it has none.
            client_address: the caller's address.
            request_id: the id of the request.
        """
        ...

    def choose_by_headers(
        self, headers: Iterable[tuple[bytes, bytes]], key_id: str | None, client_address: str, request_id: bytes
    ) -> LiveModel:
        """Return the version that answers any other request; see ``choose``.

        Args:
            headers: names in lower case, and values.
            key_id: see ``choose``.
            client_address: see ``choose``.
            request_id: see ``choose``.
        """
        ...

    def choose_by_row(self, rows: Rows, key_id: str | None, client_address: str, request_id: bytes) -> LiveModel:
        """Return the version that answers a request with these rows, which the champion's decoder made; see ``choose``."""
        ...


class Observer(Protocol):
    """Learns the outcome of each request of one version; ``rollout.observer`` has the rules."""

    def count_answer(
        self, data: bytes, count: int, values: Values, request_id: bytes, latency_s: float, from_cache: bool
    ) -> None:
        """Count an answer, after it was sent."""
        ...

    def count_error(self, status: int) -> None:
        """Count an error, after it was sent."""
        ...


class LiveModel:
    """A loaded model with its runner on the running event loop.

    Args:
        served: the loaded model.
        settings: the serving settings.
        accounting: counts requests.
        loop: the running event loop.
        cache: the answers of this process; None if they are not cached.
        remote: the second tier of the cache, if there is one.
        monitoring: records the predictions; None if they are not recorded.
        variant: whether it answers as the champion or as the challenger.
        budget: the budget of the loop, which other models share; by default it has its own.
    """

    def __init__(
        self,
        served: ServedModel,
        settings: ServingSettings,
        accounting: RequestAccounting,
        loop: asyncio.AbstractEventLoop,
        cache: AnswerCache | None = None,
        remote: RemoteAnswers | None = None,
        monitoring: Monitoring | None = None,
        variant: Variant = "champion",
        budget: LoopBudget | None = None,
    ) -> None:
        self.served = served
        self.bundle = served.bundle
        self.name = served.bundle.name
        """The name of the model."""
        self.split: Split | None = None
        """Chooses the version that answers a request; None if this one answers all."""
        self.observer: Observer | None = None
        """Counts the answers of this version, and compares them; None unless another version is tried beside it."""
        self.in_flight = 0
        """The number of requests that this version answers now."""
        self.uses = 0
        """The number of requests so far that it might answer: a model that is used is not unloaded."""
        self._settings = settings
        self.accounting = accounting
        self.new_future = loop.create_future
        self._offload = ThreadOffload(loop)
        self.runner = served.start(RunningLoop(loop), self._offload, budget)
        self.admission = self.runner.admission
        self.batcher = self.runner.batcher
        self.submit: Callable[[Work], None] = self.batcher.submit
        """Hands the rows of a request to the batcher; see ``runners.batcher.MicroBatcher.submit``."""
        if cache is not None:
            seal = seal_of(served.bundle)
            self.submit = CachedBatcher(
                self.batcher, self.admission, cache, seal, served.row_bytes, served.answer_width, remote
            ).submit
        self.decoder = served.decoder
        self.slo_s = served.options.slo_s
        self.recorder = None if monitoring is None else monitoring.recorder
        """Keeps a record of each prediction; None if predictions are not recorded."""
        self._monitoring = monitoring
        self.key = 0
        """The key of this model, with its variant, in the records."""
        self.variant = variant
        """Whether it answers as the champion or as the challenger."""
        self.max_body_bytes = settings.max_body_bytes
        self.body_timeout_s = settings.body_timeout_s
        self._encoder = served.encoder
        metrics = accounting.metrics
        self.numbers = ModelNumbers((self.bundle.name, self.bundle.version, self.variant))
        """Where the requests are counted; ``Metrics.add_model`` sets it."""
        has_own_numbers = metrics.models.has_own(self.bundle.name)
        self.inputs = InputValues(served.policies, served.row_values, metrics.input_values, has_own_numbers)
        self._has_additions = bool(served.bundle.contract.identifiers) or served.policies.clipper is not None
        self._field_names = frozenset(served.bundle.contract.field_names)
        self._counted_fields: frozenset[str] = self._field_names if has_own_numbers else frozenset()
        self._slices = SliceScheduler()
        # The cost of a request is estimated from its length before it is read, by the length of an example row.
        self._row_bytes = max(len(str(served.bundle.examples[0])), 1)
        self.single_row_bytes = SINGLE_ROW_FACTOR * self._row_bytes
        """Rows differ in length: a body of up to this length is assumed to have one row."""
        self.set_variant(variant)

    @cached_property
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document of this model, built when somebody asks for it."""
        return add_security(build_openapi(self.bundle, self._settings, self.served.max_rows), self._settings)

    def set_variant(self, variant: Variant) -> None:
        """Count and record the next predictions as those of the champion or of the challenger."""
        self.variant = variant
        self.accounting.metrics.add_model(self)
        if self._monitoring is not None:
            bundle = self.bundle
            slo_ms = self.slo_s * 1000
            values = self.served.row_values
            self.key = self._monitoring.add_model(bundle.tag, variant, str(bundle.path), values, slo_ms)

    def close(self) -> None:
        """End the thread that runs expensive batches, once its work is done."""
        self._offload.close()

    def free(self) -> None:
        """Give back the memory of the model, which must have no requests any more.

        The graph is freed now, and all other parts with the last reference to the model. So its parts must not refer to each other in
        circles: only a collection of all objects frees those, and it skips the models of a running service.
        """
        self.accounting.metrics.remove_model(self)
        self.runner.close()
        self.close()
        self.served.free()

    def admit(self, body_bytes: int) -> bool:
        """Return whether a request is admitted, given the length of its body. Called once for each request."""
        return self.admit_rows(body_bytes / self._row_bytes if body_bytes > self.single_row_bytes else 1.0)

    def admit_rows(self, rows: float) -> bool:
        """Return whether a request of about this number of rows is admitted. Called once for each request."""
        self.uses += 1
        if self.admission.admit(rows):
            return True
        self.accounting.count_shed("budget")
        return False

    async def decode(self, body: bytes, batch_only: bool) -> Rows:
        """Return the rows of a body, decoded in slices, and let admission learn the time that this takes.

        Raises:
            ServingError: the body does not hold rows of the contract.
        """
        estimated_rows = len(body) / self._row_bytes if len(body) > self.single_row_bytes else 1.0
        return await self.run_decoder(self.served.decode_steps(body, batch_only), estimated_rows)

    async def run_decoder(self, steps: Steps[Rows], estimated_rows: float) -> Rows:
        """Return the rows of a request, decoded in slices, and let admission learn the time that this takes.

        Args:
            steps: decodes the request.
            estimated_rows: the number of rows for which the request was admitted.

        Raises:
            ServingError: the request does not hold rows of the contract.
        """
        slice_time = SliceTime(self.admission.worked)
        try:
            rows = await self._slices.run(steps, slice_time)
        except ServingError:
            self.admission.rejected(estimated_rows, slice_time.total_s)
            raise
        if rows.count > 1:
            self.admission.decoded(rows.count, slice_time.total_s)
        return rows

    async def run_slices(self, steps: Steps[T]) -> T:
        """Return the result of a computation for a request that is not admitted yet. Admission learns the time."""
        return await self._slices.run(steps, self.admission.worked)

    def encode(self, values: Values, rows: Rows, request_id: bytes) -> bytes:
        """Return the body of an answer; see ``serving.codec.encode.Encoder``.

        Raises:
            InternalError: the model's values cannot be written as JSON or contradict its contract; it is in the log.
        """
        try:
            content = self._encoder.encode(values, rows.single, request_id, rows.data)
        except InternalError as error:
            name = request_id.decode()
            logger.error("request %s: %s", name, error, extra={"request_id": name})
            raise
        return with_additions(content, rows) if self._has_additions else content

    def count_invalid(self, error: InvalidError) -> None:
        """Count the fields and the values of an invalid body."""
        self.accounting.count_invalid(error, self._counted_fields)
        self.inputs.count_refused(error.kinds)

    def record_failure(
        self, request_id: bytes, key_id: str | None, started_s: float, error: ServingError, trace_id: str | None = None
    ) -> None:
        """Keep a record of a request that got an error: its code and the names of the contract's fields, without values."""
        if self.recorder is not None:
            fields = sorted({detail.field for detail in error.details if detail.field in self._field_names})
            total_s = perf_counter() - started_s
            self.recorder.record_failure(
                FailureRecord(
                    self.key, request_id, key_id, started_s, total_s, error.status, error.code, fields, trace_id
                )
            )

    def explain(
        self, error: Exception | None, deadline_ms: float | None, request_id: bytes
    ) -> ServingError | ClientGoneError:
        """Return the client's error for a request to which the runner gave no predictions; our own faults are logged."""
        if isinstance(error, ExpiredError) and deadline_ms is not None:
            return DeadlineError(f"The deadline of {number_text(deadline_ms)} ms passed before the model ran.")
        if isinstance(error, ExpiredError | QueueFullError):
            self.accounting.count_shed("expired" if isinstance(error, ExpiredError) else "queue_full")
            return overload_error()
        if isinstance(error, DrainingError):
            return stopping_error()
        if isinstance(error, GoneError):
            return ClientGoneError()
        name = request_id.decode()
        # The log masks numbers in the text of an exception: the index of the row would be lost.
        row = f" (row {error.row})" if isinstance(error, InferenceError) else ""
        logger.error("request %s: %s%s", name, error or "the model gave no answer", row, extra={"request_id": name})
        details = []
        if isinstance(error, InferenceError):
            details.append(Detail(error.row, None, "a row that the model can answer", "a row on which it fails"))
        return InternalError("The model failed; the service's log has the reason under the request's id.", details)
